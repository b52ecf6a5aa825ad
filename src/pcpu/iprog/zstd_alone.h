// What zstd.c and zstd_writer.c have in common: a unit of its own, without an allocator, assembly,
// other versions, or texts of errors.
#define ZSTD_DEPS_MALLOC
#define ZSTD_malloc(size) NULL
#define ZSTD_calloc(count, size) NULL
#define ZSTD_free(pointer) ((void)(pointer))
#define ZSTDLIB_VISIBLE static
#define ZSTDERRORLIB_VISIBLE static
#define ZSTD_STRIP_ERROR_STRINGS
#define ZSTD_NO_TRACE
#define ZSTD_DISABLE_ASM
#define DYNAMIC_BMI2 0
#define ZSTD_LEGACY_SUPPORT 0
#define XXH_PRIVATE_API
