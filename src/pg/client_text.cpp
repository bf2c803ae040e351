// Replaces what the client's encoding lacks.

#include "pg/client_text.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/namespace.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
}

namespace pagila_repl {

namespace {

// How many bytes of the text the client can be sent.
int length_for_client(Oid conversion, const char *text, int length) {
  int client = pg_get_client_encoding();
  if (!OidIsValid(conversion)) return pg_encoding_verifymbstr(client, text, length);
  int room = length * MAX_CONVERSION_GROWTH + 1;
  auto *converted = (unsigned char *)palloc(room);
  int able = pg_do_encoding_conversion_buf(conversion, GetDatabaseEncoding(), client, (unsigned char *)text, length,
                                           converted, room, true);
  pfree(converted);
  return able;
}

}  // namespace

const char *for_client(const char *text) {
  int client = pg_get_client_encoding(), server = GetDatabaseEncoding();
  if (text == nullptr || client == server || client == PG_SQL_ASCII || !IsTransactionState()) return text;
  Oid conversion = server == PG_SQL_ASCII ? InvalidOid : FindDefaultConversionProc(server, client);
  if (server != PG_SQL_ASCII && !OidIsValid(conversion)) return text;
  int length = (int)strlen(text), able = length_for_client(conversion, text, length);
  if (able == length) return text;
  StringInfoData sent;
  initStringInfo(&sent);
  while (able < length) {
    appendBinaryStringInfo(&sent, text, able);
    appendStringInfoChar(&sent, '?');
    int lacking = Min(able + pg_mblen(text + able), length);
    text += lacking;
    length -= lacking;
    able = length_for_client(conversion, text, length);
  }
  appendBinaryStringInfo(&sent, text, length);
  return sent.data;
}

}  // namespace pagila_repl
