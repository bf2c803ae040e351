// Host names of a source.

#include "core/host_names.hpp"

#include <arpa/inet.h>

#include <algorithm>

namespace pagila_repl {

namespace {

bool is_same_name(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::vector<std::string> comma_separated(std::string_view list) {
  std::vector<std::string> elements;
  for (;;) {
    size_t comma = list.find(',');
    std::string_view element = list.substr(0, comma);
    size_t begin = element.find_first_not_of(" \t\n\r");
    size_t end = element.find_last_not_of(" \t\n\r");
    elements.emplace_back(begin == std::string_view::npos ? std::string_view()
                                                          : element.substr(begin, end - begin + 1));
    if (comma == std::string_view::npos) return elements;
    list.remove_prefix(comma + 1);
  }
}

bool is_unix_socket(std::string_view host) { return !host.empty() && (host[0] == '/' || host[0] == '@'); }

bool is_loopback(std::string_view host) {
  std::string name(host);
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, name.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  if (inet_pton(AF_INET6, name.c_str(), &v6) == 1)
    return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
  return is_same_name(host, "localhost");
}

bool is_allowed_host(std::string_view allowed, std::string_view host) {
  std::vector<std::string> names = comma_separated(allowed);
  names.erase(std::remove(names.begin(), names.end(), std::string()), names.end());
  return names.empty() ||
         std::any_of(names.begin(), names.end(), [&](const std::string &name) { return is_same_name(name, host); });
}

}  // namespace pagila_repl
