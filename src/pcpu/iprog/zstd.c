// Zstandard's decoder, all of it in one unit, for plans (spec/iprog.md G13): without the C library,
// without an allocator, and with only what one frame in memory needs.
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
// One of two ways each time, the one that is as fast and half the code.
#define ZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT
#define HUF_FORCE_DECOMPRESS_X1
#define HUF_DISABLE_FAST_DECODE

// Bits are read 64 at a time on WebAssembly too: its registers are wider than its pointers.
#include "common/mem.h"
#include "common/error_private.h"
#include "common/bits.h"
#define MEM_32bits() 0
#define MEM_64bits() 1
#define MEM_readLEST MEM_readLE64
#define size_t U64
#include "common/bitstream.h"
#undef size_t

#include "common/entropy_common.c"
#include "common/error_private.c"
#include "common/fse_decompress.c"
#include "common/zstd_common.c"
#include "decompress/huf_decompress.c"
#include "decompress/zstd_ddict.c"
#include "decompress/zstd_decompress.c"
#include "decompress/zstd_decompress_block.c"

#pragma GCC visibility push(default)

// The bytes that pcpu_zstd works in.
size_t pcpu_zstd_workspace(void) { return sizeof(ZSTD_DCtx) + sizeof(ZSTD_DDict); }

// Decodes one frame whose content has exactly dst_length bytes, as if the prefix stood before it;
// the length, or -1. workspace is 8-byte aligned.
ptrdiff_t pcpu_zstd(void* dst, size_t dst_length, const void* src, size_t src_length,
                    const void* prefix, size_t prefix_length,
                    void* workspace, size_t workspace_length) {
    ZSTD_FrameHeader header;
    if (workspace_length < pcpu_zstd_workspace()
        || ZSTD_getFrameHeader(&header, src, src_length) != 0
        || header.frameType != ZSTD_frame
        || header.frameContentSize != dst_length
        || header.dictID != 0
        || header.windowSize > 1ULL << 27
        || ZSTD_findFrameCompressedSize(src, src_length) != src_length)
        return -1;
    ZSTD_DCtx* const context = ZSTD_initStaticDCtx(workspace, sizeof(ZSTD_DCtx));
    // A prefix is content even where it begins like a dictionary.
    const ZSTD_DDict* const before = ZSTD_initStaticDDict(
        context + 1, sizeof(ZSTD_DDict), prefix, prefix_length, ZSTD_dlm_byRef, ZSTD_dct_rawContent);
    if (before == NULL) return -1;
    size_t const got = ZSTD_decompress_usingDDict(context, dst, dst_length, src, src_length, before);
    return got == dst_length ? (ptrdiff_t)got : -1;
}
