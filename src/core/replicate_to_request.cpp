// Packs a request to replicate to another database for shared memory.

#include "core/replicate_to_request.hpp"

namespace pagila_repl {

std::string encode(const ReplicateToRequest &request) {
  Packer out;
  out.put(encode(static_cast<const ReplicateRequest &>(request)));
  return out.put(request.source.has_value()).put(request.source.value_or("")).put(request.wait).bytes();
}

ReplicateToRequest decode_replicate_to_request(std::string_view text) {
  Unpacker in(text);
  ReplicateToRequest request;
  static_cast<ReplicateRequest &>(request) = decode_replicate_request(in.text());
  bool has_source = in.flag();
  std::string source = in.text();
  if (has_source) request.source = source;
  request.wait = in.flag();
  return request;
}

}  // namespace pagila_repl
