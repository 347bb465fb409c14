// Stands in for Boost's `any` where Boost is not installed: two problems of HumanEval-X include it.
#pragma once
#include <memory>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace boost {

struct bad_any_cast : std::bad_cast {
  const char* what() const noexcept override { return "boost::bad_any_cast: failed conversion using boost::any_cast"; }
};

class any {
  struct Holder {
    virtual ~Holder() = default;
    virtual const std::type_info& type() const = 0;
    virtual std::unique_ptr<Holder> copy() const = 0;
  };
  template <class T>
  struct Held : Holder {
    T value;
    explicit Held(T given) : value(std::move(given)) {}
    const std::type_info& type() const override { return typeid(T); }
    std::unique_ptr<Holder> copy() const override { return std::make_unique<Held>(value); }
  };
  std::unique_ptr<Holder> held;

 public:
  any() = default;
  any(const any& other) : held(other.held ? other.held->copy() : nullptr) {}
  any(any&&) noexcept = default;
  template <class T, class = std::enable_if_t<!std::is_same_v<std::decay_t<T>, any>>>
  any(T&& value) : held(std::make_unique<Held<std::decay_t<T>>>(std::forward<T>(value))) {}
  any& operator=(any other) noexcept {
    held.swap(other.held);
    return *this;
  }
  bool empty() const { return !held; }
  void clear() { held.reset(); }
  const std::type_info& type() const { return held ? held->type() : typeid(void); }
  template <class T>
  T* pointer() { return type() == typeid(T) ? &static_cast<Held<T>*>(held.get())->value : nullptr; }
};

template <class T>
T* any_cast(any* value) { return value ? value->pointer<std::remove_cv_t<T>>() : nullptr; }
template <class T>
T any_cast(const any& value) {
  auto* found = const_cast<any&>(value).pointer<std::remove_cv_t<std::remove_reference_t<T>>>();
  if (!found) throw bad_any_cast();
  return *found;
}

}  // namespace boost
