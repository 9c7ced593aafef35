// Calls a library of the engine with arguments from a file, and writes the results to another.
//
//     replay LIBRARY CALL RESULTS
//
// It stands in for XLA where that is not at hand: on an emulated processor. tests/engine/replay.py writes the call.

#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "xla/ffi/api/c_api.h"

namespace {

std::FILE* source;

[[noreturn]] void fail(const char* message) {
  std::fprintf(stderr, "%s\n", message);
  std::exit(1);
}

template <typename T>
T read() {
  T value;
  if (std::fread(&value, sizeof value, 1, source) != 1) fail("the call ends too early");
  return value;
}

// Bytes at an address as aligned as XLA's.
struct Bytes {
  std::vector<char> memory;
  char* data;
  size_t size;

  explicit Bytes(size_t size) : memory(size + 64), size(size) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
    data = memory.data() + (64 - address % 64);
  }
};

std::deque<Bytes> kept;  // all that the call points to
std::deque<std::vector<int64_t>> shapes;

Bytes& read_bytes(size_t size) {
  Bytes& bytes = kept.emplace_back(size);
  if (size > 0 && std::fread(bytes.data, 1, size, source) != size) fail("the call ends too early");
  return bytes;
}

XLA_FFI_Buffer read_form() {
  XLA_FFI_Buffer buffer{};
  buffer.struct_size = XLA_FFI_Buffer_STRUCT_SIZE;
  buffer.dtype = static_cast<XLA_FFI_DataType>(read<int64_t>());
  std::vector<int64_t>& shape = shapes.emplace_back(read<int64_t>());
  for (int64_t& size : shape) size = read<int64_t>();
  buffer.rank = static_cast<int64_t>(shape.size());
  buffer.dims = shape.data();
  return buffer;
}

size_t size_of(const XLA_FFI_Buffer& buffer) {
  size_t size = buffer.dtype == XLA_FFI_DataType_U8 ? 1 : 4;
  for (int64_t axis = 0; axis < buffer.rank; ++axis) size *= static_cast<size_t>(buffer.dims[axis]);
  return size;
}

XLA_FFI_Error* refused(XLA_FFI_Error_Create_Args* error) { fail(error->message); }

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) fail("takes LIBRARY CALL RESULTS");
  void* library = dlopen(arguments[1], RTLD_NOW);
  if (library == nullptr) fail(dlerror());
  const auto advance = reinterpret_cast<XLA_FFI_Handler*>(dlsym(library, "wavenet_engine_advance"));
  source = std::fopen(arguments[2], "rb");
  if (advance == nullptr || source == nullptr) fail("there is no engine, or no call");

  std::vector<XLA_FFI_Buffer> buffers(read<int64_t>());
  for (XLA_FFI_Buffer& buffer : buffers) {
    buffer = read_form();
    buffer.data = read_bytes(size_of(buffer)).data;
  }
  std::vector<XLA_FFI_Buffer> results(read<int64_t>());
  for (XLA_FFI_Buffer& buffer : results) {
    buffer = read_form();
    buffer.data = kept.emplace_back(size_of(buffer)).data;
  }
  // Attributes, in the order of their names: a name, a type, how many there are (-1: a scalar), and those.
  const int64_t named = read<int64_t>();
  std::deque<std::string> texts;
  std::deque<XLA_FFI_ByteSpan> spans;
  std::deque<XLA_FFI_Scalar> scalars;
  std::deque<XLA_FFI_Array> arrays;
  std::vector<XLA_FFI_AttrType> types;
  std::vector<XLA_FFI_ByteSpan*> names;
  std::vector<void*> values;
  for (int64_t index = 0; index < named; ++index) {
    const Bytes& name = read_bytes(read<int64_t>());
    const std::string& text = texts.emplace_back(name.data, name.size);
    names.push_back(&spans.emplace_back(XLA_FFI_ByteSpan{text.data(), text.size()}));
    const auto type = static_cast<XLA_FFI_DataType>(read<int64_t>());
    const size_t each = type == XLA_FFI_DataType_S64 ? 8 : 4;
    const int64_t elements = read<int64_t>();
    void* data = read_bytes(each * (elements < 0 ? 1 : elements)).data;
    if (elements < 0) {
      types.push_back(XLA_FFI_AttrType_SCALAR);
      values.push_back(&scalars.emplace_back(XLA_FFI_Scalar{type, data}));
    } else {
      types.push_back(XLA_FFI_AttrType_ARRAY);
      values.push_back(&arrays.emplace_back(XLA_FFI_Array{type, static_cast<size_t>(elements), data}));
    }
  }

  std::vector<void*> argument_places, result_places;
  for (XLA_FFI_Buffer& buffer : buffers) argument_places.push_back(&buffer);
  for (XLA_FFI_Buffer& buffer : results) result_places.push_back(&buffer);
  std::vector<XLA_FFI_ArgType> argument_types(buffers.size(), XLA_FFI_ArgType_BUFFER);
  std::vector<XLA_FFI_RetType> result_types(results.size(), XLA_FFI_RetType_BUFFER);
  XLA_FFI_Api api{};
  api.struct_size = XLA_FFI_Api_STRUCT_SIZE;
  api.XLA_FFI_Error_Create = refused;
  XLA_FFI_CallFrame frame{};
  frame.struct_size = XLA_FFI_CallFrame_STRUCT_SIZE;
  frame.api = &api;
  frame.stage = XLA_FFI_ExecutionStage_EXECUTE;
  frame.args = {XLA_FFI_Args_STRUCT_SIZE, nullptr, static_cast<int64_t>(buffers.size()), argument_types.data(),
                argument_places.data()};
  frame.rets = {XLA_FFI_Rets_STRUCT_SIZE, nullptr, static_cast<int64_t>(results.size()), result_types.data(),
                result_places.data()};
  frame.attrs = {XLA_FFI_Attrs_STRUCT_SIZE, nullptr, named, types.data(), names.data(), values.data()};
  advance(&frame);

  std::FILE* written = std::fopen(arguments[3], "wb");
  if (written == nullptr) fail("the results cannot be written");
  for (const XLA_FFI_Buffer& buffer : results)
    if (std::fwrite(buffer.data, 1, size_of(buffer), written) != size_of(buffer)) fail("the results are cut off");
  return std::fclose(written);
}
