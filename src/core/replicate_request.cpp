// Packs a request to replicate for shared memory.

#include "core/replicate_request.hpp"

namespace pagila_repl {

std::string encode(const ReplicateRequest &request) {
  Packer out;
  pack(out, request);
  out.put(request.server).put_number(request.workers).put(request.check_foreign_keys);
  out.put_number(request.connect_timeout_ms).put_number(request.stall_timeout_ms);
  return out.put(request.selection.schemas).put(request.selection.include).put(request.selection.exclude).bytes();
}

ReplicateRequest decode_replicate_request(std::string_view text) {
  Unpacker in(text);
  ReplicateRequest request;
  unpack(in, request);
  request.server = in.text();
  request.workers = static_cast<int>(in.number());
  request.check_foreign_keys = in.flag();
  request.connect_timeout_ms = static_cast<int>(in.number());
  request.stall_timeout_ms = static_cast<int>(in.number());
  request.selection.schemas = in.texts();
  request.selection.include = in.texts();
  request.selection.exclude = in.texts();
  return request;
}

}  // namespace pagila_repl
