// Packs what all requests share.

#include "core/run_options.hpp"

namespace pagila_repl {

void pack(Packer &out, const RunOptions &options) {
  out.put(options.force).put(options.verify_content).put(options.overwrite_modified).put(options.drop_unmanaged);
  out.put(options.drop_dependents)
      .put(options.keep_owners)
      .put(options.replace_others)
      .put(options.skip_objects)
      .put(options.analyze)
      .put(options.refuse_old_libpq)
      .put(options.extension_rows);
  out.put_number(options.large_objects ? *options.large_objects : -1);
  out.put(options.database_objects.publications)
      .put(options.database_objects.settings)
      .put(options.database_objects.event_triggers);
  out.put_number(options.swap_budget_ms);
  out.put_number(options.run_timeout_ms)
      .put(options.pg_dump)
      .put_number(options.disk_reserve_mb)
      .put_number(options.job)
      .put_number(options.run_id);
}

void unpack(Unpacker &in, RunOptions &options) {
  for (bool *flag : {&options.force, &options.verify_content, &options.overwrite_modified, &options.drop_unmanaged,
                     &options.drop_dependents, &options.keep_owners, &options.replace_others, &options.skip_objects,
                     &options.analyze, &options.refuse_old_libpq, &options.extension_rows})
    *flag = in.flag();
  int64_t large_objects = in.number();
  if (large_objects >= 0) options.large_objects = large_objects == 1;
  options.database_objects.publications = in.flag();
  options.database_objects.settings = in.flag();
  options.database_objects.event_triggers = in.flag();
  options.swap_budget_ms = static_cast<int>(in.number());
  options.run_timeout_ms = static_cast<int>(in.number());
  options.pg_dump = in.text();
  options.disk_reserve_mb = static_cast<int>(in.number());
  options.job = in.number();
  options.run_id = in.number();
}

}  // namespace pagila_repl
