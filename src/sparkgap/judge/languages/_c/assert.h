// Stands in for the system's, among the tests: an assert that tells what it asserted, and is never compiled away.
#undef assert
#ifdef __cplusplus
namespace sparkgap {
void check(bool held, const char* test);
}
#define assert(...) ::sparkgap::check(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__)
#else
void sparkgap_check(int held, const char* test);
#define assert(...) sparkgap_check(!!(__VA_ARGS__), #__VA_ARGS__)
#ifndef static_assert
#define static_assert _Static_assert
#endif
#endif
