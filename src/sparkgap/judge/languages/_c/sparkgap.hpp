// Values across, for C++: on one side a program that a model wrote, on the other the tests, each a process of its own.
//
// A call goes out as a frame "C", the function's number, and each argument; its answer comes back as "V", 0, the result
// and what became of each argument that is a reference, or as "V", 1, the kind of exception and its text. Whoever reads
// takes only what the declared types allow: bytes that do not fit end the tests.
#pragma once
#include <algorithm>
#include <any>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <exception>
#include <iostream>
#include <list>
#include <map>
#include <new>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <unistd.h>

namespace sparkgap {

// --- Frames, over descriptors 3 and 4 ---

[[noreturn]] inline void end(int status) { _exit(status); }

inline bool read_exactly(char* place, std::size_t size) {
  while (size > 0) {
    ssize_t got = ::read(3, place, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    place += got, size -= static_cast<std::size_t>(got);
  }
  return true;
}

inline void send(const std::string& body) {
  std::uint32_t size = static_cast<std::uint32_t>(body.size());
  std::string frame(reinterpret_cast<char*>(&size), 4);
  frame += body;
  const char* place = frame.data();
  std::size_t left = frame.size();
  while (left > 0) {
    ssize_t sent = ::write(4, place, left);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) end(71);
    place += sent, left -= static_cast<std::size_t>(sent);
  }
}

inline bool receive(std::string& body) {
  std::uint32_t size = 0;
  if (!read_exactly(reinterpret_cast<char*>(&size), 4)) return false;
  body.resize(size);
  return read_exactly(&body[0], size);
}

// --- Values as bytes ---

struct Malformed {};

struct Reader {
  const char* at;
  const char* stop;
  void take(void* place, std::size_t size) {
    if (static_cast<std::size_t>(stop - at) < size) throw Malformed();
    std::memcpy(place, at, size);
    at += size;
  }
  std::size_t count() {  // of items that take a byte each at least
    std::uint32_t size;
    take(&size, 4);
    if (static_cast<std::size_t>(stop - at) < size) throw Malformed();
    return size;
  }
};

inline void put_count(std::string& out, std::size_t size) {
  std::uint32_t count = static_cast<std::uint32_t>(size);
  out.append(reinterpret_cast<char*>(&count), 4);
}

template <class T, class = void>
struct Value {
  static_assert(!sizeof(T), "sparkgap: a value of this type cannot cross between the program and its tests");
};

template <class T>
using Bare = std::remove_cv_t<std::remove_reference_t<T>>;
template <class T>
void put(std::string& out, const T& value) { Value<Bare<T>>::put(out, value); }
template <class T>
T get(Reader& in) { return Value<Bare<T>>::get(in); }
template <class T>
void show(std::string& out, const T& value) {
  if (out.size() < 400) Value<Bare<T>>::show(out, value);
}

template <class T>
struct Value<T, std::enable_if_t<std::is_integral_v<T>>> {
  static void put(std::string& out, T value) {
    long long wide = static_cast<long long>(value);
    out.append(reinterpret_cast<char*>(&wide), 8);
  }
  static T get(Reader& in) {
    long long wide;
    in.take(&wide, 8);
    return static_cast<T>(wide);
  }
  static void show(std::string& out, T value) {
    if constexpr (std::is_same_v<T, bool>) out += value ? "true" : "false";
    else if constexpr (std::is_same_v<T, char>) out += "'", out += value, out += "'";
    else out += std::to_string(value);
  }
};

template <class T>
struct Value<T, std::enable_if_t<std::is_floating_point_v<T>>> {
  static void put(std::string& out, T value) {
    unsigned char raw[16] = {};
    std::memcpy(raw, &value, std::min(sizeof value, sizeof raw));
    out.append(reinterpret_cast<char*>(raw), 16);
  }
  static T get(Reader& in) {
    unsigned char raw[16];
    in.take(raw, 16);
    T value;
    std::memcpy(&value, raw, std::min(sizeof value, sizeof raw));
    return value;
  }
  static void show(std::string& out, T value) {
    char text[64];
    std::snprintf(text, sizeof text, "%.9Lg", static_cast<long double>(value));
    out += text;
  }
};

inline void show_text(std::string& out, const char* text, std::size_t size) {
  out += '"';
  out.append(text, std::min<std::size_t>(size, 200));
  out += '"';
}

template <>
struct Value<std::string> {
  static void put(std::string& out, const std::string& value) { put_count(out, value.size()), out += value; }
  static std::string get(Reader& in) {
    std::size_t size = in.count();
    std::string value(in.at, size);
    in.at += size;
    return value;
  }
  static void show(std::string& out, const std::string& value) { show_text(out, value.data(), value.size()); }
};

// Text that lives as long as the process: what a function returns as a pointer, or takes as one.
template <class T>
struct Value<T, std::enable_if_t<std::is_same_v<T, const char*> || std::is_same_v<T, char*>>> {
  static void put(std::string& out, const char* value) { Value<std::string>::put(out, value ? value : ""); }
  static T get(Reader& in) {
    std::string* kept = new std::string(Value<std::string>::get(in));
    return const_cast<T>(kept->c_str());
  }
  static void show(std::string& out, const char* value) { show_text(out, value ? value : "", value ? std::strlen(value) : 0); }
};

template <>
struct Value<std::string_view> {
  static void put(std::string& out, std::string_view value) { put_count(out, value.size()), out += value; }
  static std::string_view get(Reader& in) { return *new std::string(Value<std::string>::get(in)); }
  static void show(std::string& out, std::string_view value) { show_text(out, value.data(), value.size()); }
};

template <class T>
struct Items {  // whatever can be filled at its end
  static void put(std::string& out, const T& value) {
    put_count(out, value.size());
    for (auto&& item : value) sparkgap::put<typename T::value_type>(out, item);
  }
  static T get(Reader& in) {
    T value;
    for (std::size_t left = in.count(); left > 0; --left) {
      value.insert(value.end(), sparkgap::get<typename T::value_type>(in));
    }
    return value;
  }
  static void show(std::string& out, const T& value) {
    const char* before = "{";
    for (auto&& item : value) {
      if (out.size() > 400) break;
      out += before, before = ", ";
      sparkgap::show<typename T::value_type>(out, item);
    }
    out += value.empty() ? "{}" : "}";
  }
};
template <class... A> struct Value<std::vector<A...>> : Items<std::vector<A...>> {};
template <class... A> struct Value<std::deque<A...>> : Items<std::deque<A...>> {};
template <class... A> struct Value<std::list<A...>> : Items<std::list<A...>> {};
template <class... A> struct Value<std::set<A...>> : Items<std::set<A...>> {};
template <class... A> struct Value<std::multiset<A...>> : Items<std::multiset<A...>> {};
template <class... A> struct Value<std::unordered_set<A...>> : Items<std::unordered_set<A...>> {};

template <class T>
struct Entries {
  static void put(std::string& out, const T& value) {
    put_count(out, value.size());
    for (auto& [key, item] : value) {
      sparkgap::put<typename T::key_type>(out, key);
      sparkgap::put<typename T::mapped_type>(out, item);
    }
  }
  static T get(Reader& in) {
    T value;
    for (std::size_t left = in.count(); left > 0; --left) {
      auto key = sparkgap::get<typename T::key_type>(in);
      value.emplace(std::move(key), sparkgap::get<typename T::mapped_type>(in));
    }
    return value;
  }
  static void show(std::string& out, const T& value) {
    const char* before = "{";
    for (auto& [key, item] : value) {
      if (out.size() > 400) break;
      out += before, before = ", ", out += "{";
      sparkgap::show<typename T::key_type>(out, key);
      out += ", ";
      sparkgap::show<typename T::mapped_type>(out, item);
      out += "}";
    }
    out += value.empty() ? "{}" : "}";
  }
};
template <class... A> struct Value<std::map<A...>> : Entries<std::map<A...>> {};
template <class... A> struct Value<std::unordered_map<A...>> : Entries<std::unordered_map<A...>> {};

template <class T, std::size_t N>
struct Value<std::array<T, N>> {
  static void put(std::string& out, const std::array<T, N>& value) { for (auto& item : value) sparkgap::put<T>(out, item); }
  static std::array<T, N> get(Reader& in) {
    std::array<T, N> value;
    for (auto& item : value) item = sparkgap::get<T>(in);
    return value;
  }
  static void show(std::string& out, const std::array<T, N>& value) {
    Items<std::vector<T>>::show(out, std::vector<T>(value.begin(), value.end()));
  }
};

template <class... T>
struct Value<std::tuple<T...>> {
  static void put(std::string& out, const std::tuple<T...>& value) {
    std::apply([&](const T&... item) { (sparkgap::put<T>(out, item), ...); }, value);
  }
  static std::tuple<T...> get(Reader& in) { return std::tuple<T...>{sparkgap::get<T>(in)...}; }
  static void show(std::string& out, const std::tuple<T...>& value) {
    const char* before = "(";
    std::apply([&](const T&... item) { ((out += before, before = ", ", sparkgap::show<T>(out, item)), ...); }, value);
    out += ")";
  }
};

template <class A, class B>
struct Value<std::pair<A, B>> {
  static void put(std::string& out, const std::pair<A, B>& value) {
    sparkgap::put<A>(out, value.first), sparkgap::put<B>(out, value.second);
  }
  static std::pair<A, B> get(Reader& in) {
    A first = sparkgap::get<A>(in);
    return {std::move(first), sparkgap::get<B>(in)};
  }
  static void show(std::string& out, const std::pair<A, B>& value) {
    out += "(", sparkgap::show<A>(out, value.first), out += ", ", sparkgap::show<B>(out, value.second), out += ")";
  }
};

template <class T>
struct Value<std::optional<T>> {
  static void put(std::string& out, const std::optional<T>& value) {
    out += static_cast<char>(value.has_value());
    if (value) sparkgap::put<T>(out, *value);
  }
  static std::optional<T> get(Reader& in) {
    char held;
    in.take(&held, 1);
    return held ? std::optional<T>(sparkgap::get<T>(in)) : std::nullopt;
  }
  static void show(std::string& out, const std::optional<T>& value) {
    if (value) sparkgap::show<T>(out, *value);
    else out += "nullopt";
  }
};

// What may be in a std::any: the types that published tests put there. Anything else arrives as an empty one.
template <class A, class Cast>
struct Any {
  template <class T>
  static bool put_if(std::string& out, const A& value, char number) {
    if (value.type() != typeid(T)) return false;
    out += number, sparkgap::put<T>(out, Cast::template to<T>(value));
    return true;
  }
  static void put(std::string& out, const A& value) {
    bool done = put_if<int>(out, value, 1) || put_if<long>(out, value, 2) || put_if<float>(out, value, 3) ||
                put_if<double>(out, value, 4) || put_if<std::string>(out, value, 5) || put_if<bool>(out, value, 6) ||
                put_if<char>(out, value, 7) || put_if<const char*>(out, value, 8) ||
                put_if<std::vector<int>>(out, value, 9) || put_if<std::vector<long>>(out, value, 10) ||
                put_if<std::map<long, long>>(out, value, 11);
    if (!done) out += '\0';
  }
  static A get(Reader& in) {
    char number;
    in.take(&number, 1);
    switch (number) {
      case 1: return sparkgap::get<int>(in);
      case 2: return sparkgap::get<long>(in);
      case 3: return sparkgap::get<float>(in);
      case 4: return sparkgap::get<double>(in);
      case 5: return sparkgap::get<std::string>(in);
      case 6: return sparkgap::get<bool>(in);
      case 7: return sparkgap::get<char>(in);
      case 8: return sparkgap::get<const char*>(in);
      case 9: return sparkgap::get<std::vector<int>>(in);
      case 10: return sparkgap::get<std::vector<long>>(in);
      case 11: return sparkgap::get<std::map<long, long>>(in);
      default: return A();
    }
  }
  static void show(std::string& out, const A&) { out += "<any>"; }
};
struct StdCast {
  template <class T> static T to(const std::any& value) { return std::any_cast<T>(value); }
};
template <> struct Value<std::any> : Any<std::any, StdCast> {};

// --- The candidate's side ---

template <class T>
constexpr bool comes_back = std::is_lvalue_reference_v<T> && !std::is_const_v<std::remove_reference_t<T>>;

using Serve = void (*)(Reader&, std::string&);

inline int kind_of(const std::exception& error) {
  if (dynamic_cast<const std::invalid_argument*>(&error)) return 1;
  if (dynamic_cast<const std::out_of_range*>(&error)) return 2;
  if (dynamic_cast<const std::domain_error*>(&error)) return 3;
  if (dynamic_cast<const std::length_error*>(&error)) return 4;
  if (dynamic_cast<const std::logic_error*>(&error)) return 5;
  if (dynamic_cast<const std::overflow_error*>(&error)) return 6;
  if (dynamic_cast<const std::range_error*>(&error)) return 7;
  if (dynamic_cast<const std::bad_alloc*>(&error)) return 8;
  return dynamic_cast<const std::runtime_error*>(&error) ? 9 : 0;
}

template <class F, class R, class... A>
struct Served {
  template <F function>
  static void serve(Reader& in, std::string& out) {
    std::tuple<Bare<A>...> values{sparkgap::get<Bare<A>>(in)...};
    std::apply([&](auto&... value) {
      if constexpr (std::is_void_v<R>) function(static_cast<A>(value)...);
      else sparkgap::put<R>(out, function(static_cast<A>(value)...));
      ((comes_back<A> ? sparkgap::put<Bare<A>>(out, value) : void()), ...);
    }, values);
  }
};
template <class F> struct Signature;
template <class R, class... A> struct Signature<R (*)(A...)> : Served<R (*)(A...), R, A...> {};

inline void serve_all(const Serve* functions, std::size_t count) {
  send("L");
  std::string body;
  while (receive(body)) {
    std::string out("V");
    out += '\0';
    try {
      Reader in{body.data() + 1, body.data() + body.size()};
      std::uint32_t number;
      in.take(&number, 4);
      if (number >= count) end(72);
      functions[number](in, out);
    } catch (const std::exception& error) {
      out.assign("V\1", 2);
      sparkgap::put<int>(out, kind_of(error));
      sparkgap::put<std::string>(out, error.what());
    } catch (const Malformed&) {
      end(72);
    } catch (...) {
      out.assign("V\1", 2);
      sparkgap::put<int>(out, 0);
      sparkgap::put<std::string>(out, "an exception that is no std::exception");
    }
    std::cout.flush();
    std::fflush(nullptr);
    send(out);
  }
  end(0);
}

// --- The examiner's side ---

struct Raised : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Run {
  long passed = 0, missed = 0;
  bool all = false, over = false, raising = false;
  std::string call, answer, test, missed_call, missed_answer;
};
inline Run run;

inline std::string as_json(const std::string& text) {
  std::string out = "\"";
  for (unsigned char c : text.substr(0, 600)) {
    if (c == '"' || c == '\\') out += '\\', out += static_cast<char>(c);
    else if (c < 32 || c > 126) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", c);
      out += escape;
    } else out += static_cast<char>(c);
  }
  return out + "\"";
}

[[noreturn]] inline void report(const std::string& status, const std::string& reason, const std::string& more) {
  run.over = true;
  std::string body = "R{\"status\":\"" + status + "\",\"stage\":\"" + (status == "passed" ? "done" : "test") + "\"";
  body += ",\"reason\":" + as_json(reason) + ",\"passed\":" + std::to_string(run.passed) + more + "}";
  send(body);
  end(0);
}

inline std::string failure() {
  return ",\"failure\":{\"test\":" + as_json(run.test) + ",\"call\":" + as_json(run.missed_call) +
         ",\"actual\":" + as_json(run.missed_answer) + "}";
}

inline void finish() {
  std::string total = ",\"total\":" + std::to_string(run.passed + run.missed);
  if (run.missed) report("wrong", "a test failed", total + failure());
  report("passed", "", total);
}

__attribute__((used)) inline void check(bool held, const char* test) {
  if (held) {
    ++run.passed;
    return;
  }
  if (run.missed++ == 0) run.test = test, run.missed_call = run.call, run.missed_answer = run.answer;
  if (!run.all) report("wrong", "a test failed", failure());
}

[[noreturn]] inline void stop() {
  std::string reason = "a test ended with an exception";
  std::string status = "wrong";
  try {
    if (std::current_exception()) std::rethrow_exception(std::current_exception());
  } catch (const std::exception& error) {
    reason = error.what();
  } catch (...) {
  }
  if (run.raising) status = "raised";
  run.test = reason, run.missed_call = run.call, run.missed_answer = run.answer;
  report(status, reason, failure());
}

[[noreturn]] inline void rethrow(int kind, const std::string& what) {
  switch (kind) {
    case 1: throw std::invalid_argument(what);
    case 2: throw std::out_of_range(what);
    case 3: throw std::domain_error(what);
    case 4: throw std::length_error(what);
    case 5: throw std::logic_error(what);
    case 6: throw std::overflow_error(what);
    case 7: throw std::range_error(what);
    case 8: throw std::bad_alloc();
    default: throw Raised(what);
  }
}

template <class T, class V>
void take_back(Reader& in, V& value) {
  if constexpr (comes_back<T>) value = sparkgap::get<Bare<T>>(in);
  else (void)in, (void)value;
}

template <class R, class... A>
struct Call {
  static R on(std::uint32_t number, const char* name, std::remove_reference_t<A>&... values) {
    std::string out("C");
    out.append(reinterpret_cast<char*>(&number), 4);
    (sparkgap::put<Bare<A>>(out, values), ...);
    run.call = name, run.call += "(", run.answer.clear();
    const char* before = "";
    ((run.call += before, before = ", ", sparkgap::show<Bare<A>>(run.call, values)), ...);
    run.call += ")";
    run.raising = false;
    send(out);
    std::string body;
    if (!receive(body)) end(73);
    try {
      Reader in{body.data() + 1, body.data() + body.size()};
      char raised;
      in.take(&raised, 1);
      if (raised) {
        int kind = sparkgap::get<int>(in);
        run.raising = true;
        rethrow(kind, sparkgap::get<std::string>(in));
      }
      if constexpr (std::is_void_v<R>) {
        (take_back<A>(in, values), ...);
      } else {
        Bare<R> result = sparkgap::get<Bare<R>>(in);
        (take_back<A>(in, values), ...);
        sparkgap::show<Bare<R>>(run.answer, result);
        if constexpr (std::is_reference_v<R>) return *new Bare<R>(std::move(result));
        else return result;
      }
    } catch (const Malformed&) {
      report("forbidden", "its answer is not one that our own half of it would send", "");
    }
  }
};

struct Begin {
  Begin() {
    on_exit([](int status, void*) {
      if (run.over) return;
      if (status == 0) finish();
      run.test = "main", report("wrong", "the tests ended with status " + std::to_string(status), failure());
    }, nullptr);
    std::set_terminate(stop);
  }
};

}  // namespace sparkgap
