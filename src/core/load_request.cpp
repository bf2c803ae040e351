// Packs a request to load for shared memory.

#include "core/load_request.hpp"

namespace pagila_repl {

std::string encode(const LoadRequest &request) {
  Packer out;
  pack(out, request);
  out.put(request.schema_file).put(request.data_file.has_value()).put(request.data_file.value_or(""));
  return out.put(request.strict).bytes();
}

LoadRequest decode_load_request(std::string_view text) {
  Unpacker in(text);
  LoadRequest request;
  unpack(in, request);
  request.schema_file = in.text();
  bool has_data_file = in.flag();
  std::string data_file = in.text();
  if (has_data_file) request.data_file = data_file;
  request.strict = in.flag();
  return request;
}

}  // namespace pagila_repl
