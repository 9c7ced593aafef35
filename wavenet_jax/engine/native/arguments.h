// Arguments of a call of XLA's foreign function interface, checked before anything is read.

#ifndef WAVENET_ARGUMENTS_H_
#define WAVENET_ARGUMENTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "xla/ffi/api/ffi.h"

namespace wavenet {

namespace ffi = xla::ffi;

constexpr int64_t kMost = int64_t{1} << 24;  // of any width or count

struct Refused {
  std::string message;
};

[[noreturn]] static inline void refuse(const std::string& message) { throw Refused{message}; }

static inline int64_t attribute(const ffi::Dictionary& attributes, const char* name, int64_t least, int64_t most) {
  const auto value = attributes.get<int64_t>(name);
  if (!value.has_value()) refuse(std::string("needs an integer attribute ") + name);
  if (*value < least || *value > most)
    refuse(std::string(name) + " must be between " + std::to_string(least) + " and " + std::to_string(most) + ", got " +
           std::to_string(*value));
  return *value;
}

static inline float float_attribute(const ffi::Dictionary& attributes, const char* name) {
  const auto value = attributes.get<float>(name);
  if (!value.has_value()) refuse(std::string("needs a float attribute ") + name);
  return *value;
}

static inline std::vector<int64_t> integers(const ffi::Dictionary& attributes, const char* name) {
  const auto value = attributes.get<ffi::Span<const int64_t>>(name);
  if (!value.has_value()) refuse(std::string("needs an attribute ") + name + ", an array of integers");
  return {value->begin(), value->end()};
}

// A buffer whose type and shape are what they have to be; -1 stands for any size.
template <typename T>
static inline T* checked(const std::optional<ffi::AnyBuffer>& buffer, ffi::DataType type, const char* name,
           const std::vector<int64_t>& shape) {
  if (!buffer.has_value()) refuse(std::string("needs ") + name);
  const auto dimensions = buffer->dimensions();
  bool fits = buffer->element_type() == type && dimensions.size() == shape.size();
  for (size_t axis = 0; fits && axis < shape.size(); ++axis)
    fits = shape[axis] < 0 || shape[axis] == dimensions[axis];
  if (!fits) {
    const auto written = [](const auto& sizes) {
      std::string text;
      for (const int64_t size : sizes) text += (text.empty() ? "" : ", ") + (size < 0 ? "any" : std::to_string(size));
      return "[" + text + "]";
    };
    refuse(std::string(name) + " must be " + (type == ffi::F32 ? "float32 " : type == ffi::S32 ? "int32 " : "uint8 ") +
           written(shape) + ", got type " + std::to_string(static_cast<int>(buffer->element_type())) + " " +
           written(dimensions));
  }
  void* data = buffer->untyped_data();
  int64_t elements = 1;
  for (const int64_t size : dimensions) elements *= size;
  if (elements > 0 && (data == nullptr || reinterpret_cast<std::uintptr_t>(data) % alignof(T) != 0))
    refuse(std::string(name) + " is not aligned");
  return static_cast<T*>(data);
}

static inline int64_t size_of(const std::optional<ffi::AnyBuffer>& buffer, const char* name, size_t rank, size_t axis) {
  if (!buffer.has_value()) refuse(std::string("needs ") + name);
  if (buffer->dimensions().size() != rank) refuse(std::string(name) + " must have " + std::to_string(rank) + " axes");
  return buffer->dimensions()[axis];
}

}  // namespace wavenet

#endif  // WAVENET_ARGUMENTS_H_
