"""What C and C++ share: GCC's toolchain, what it says as JSON, and the signatures of functions that tests declare."""
