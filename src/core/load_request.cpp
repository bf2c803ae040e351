// Packs a request into bytes for shared memory: every field as its length and its text.

#include "core/load_request.hpp"

#include <cstring>

namespace pagila_repl {

namespace {

void put(std::string &out, std::string_view value) {
  uint64_t length = value.size();
  out.append(reinterpret_cast<const char *>(&length), sizeof length);
  out.append(value);
}

std::string take(std::string_view &in) {
  uint64_t length = 0;
  memcpy(&length, in.data(), sizeof length);
  std::string value(in.substr(sizeof length, length));
  in.remove_prefix(sizeof length + length);
  return value;
}

}  // namespace

std::string encode(const LoadRequest &request) {
  std::string out;
  put(out, request.schema_file);
  put(out, request.data_file ? "1" : "0");
  put(out, request.data_file.value_or(""));
  for (bool flag : {request.force, request.verify_content, request.overwrite_modified, request.drop_unmanaged,
                    request.drop_dependents, request.keep_owners, request.strict})
    put(out, flag ? "1" : "0");
  put(out, std::to_string(request.swap_budget_ms));
  return out;
}

LoadRequest decode_load_request(std::string_view text) {
  LoadRequest request;
  request.schema_file = take(text);
  bool has_data_file = take(text) == "1";
  std::string data_file = take(text);
  if (has_data_file) request.data_file = data_file;
  for (bool *flag : {&request.force, &request.verify_content, &request.overwrite_modified, &request.drop_unmanaged,
                     &request.drop_dependents, &request.keep_owners, &request.strict})
    *flag = take(text) == "1";
  request.swap_budget_ms = std::stoi(take(text));
  return request;
}

}  // namespace pagila_repl
