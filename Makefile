# PGXS build: make, make install, make installcheck. Debian's flags and ours; warnings are errors.
MODULE_big = pagila_repl
EXTENSION = pagila_repl
EXTENSION_VERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" pagila_repl.control)
DATA = pagila_repl--$(EXTENSION_VERSION).sql

SOURCES = $(wildcard src/*.cpp src/*/*.cpp)
OBJS = $(SOURCES:.cpp=.o)
REGRESS = $(patsubst sql/%.sql,%,$(wildcard sql/*.sql))
PG_CPPFLAGS = -I$(libpq_srcdir) -DPR_VERSION='"$(EXTENSION_VERSION)"'
SHLIB_LINK = $(libpq) -lstdc++ -Wl,-z,relro,-z,now -Wl,--version-script=src/exports.map
EXTRA_CLEAN = build $(SOURCES:.cpp=.d)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
# Bitcode rules drop -std=c++17, and nothing here is worth inlining into queries.
override with_llvm = no
include $(PGXS)

# The server's headers are not ours to warn about.
override CPPFLAGS := -Isrc $(patsubst -I$(includedir_server),-isystem $(includedir_server),$(CPPFLAGS))
override CXXFLAGS := $(filter-out -Wdeclaration-after-statement,$(CXXFLAGS)) -std=c++17 -fPIC -fvisibility=hidden \
	-Wall -Wextra -Werror -Wno-register -MMD -MP $(COPT)

-include $(OBJS:.o=.d)

# The same module with fault points, for tests only; found through dynamic_library_path. Sources without any are compiled once.
FAULT_OBJS = $(patsubst %.cpp,build/faults/%.o,$(shell grep -l PR_FAULT $(SOURCES)))
UNFAULTED_OBJS = $(filter-out $(FAULT_OBJS:build/faults/%=%),$(OBJS))
faults: build/faults/pagila_repl.so
build/faults/%.o: %.cpp
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) -O1 -g0 $(CPPFLAGS) -DPR_FAULTS -c -o $@ $<
build/faults/pagila_repl.so: $(FAULT_OBJS) $(UNFAULTED_OBJS)
	$(CXX) $(CXXFLAGS) $(LDFLAGS_SL) -shared -o $@ $^ $(LDFLAGS) $(SHLIB_LINK)
-include $(FAULT_OBJS:.o=.d)
.PHONY: faults
