#include "mux/frame.h"
