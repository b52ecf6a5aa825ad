// Zstandard's decoder, all of it in one unit, for plans (spec/iprog.md G13): without the C library,
// without an allocator, and with only what one frame in memory needs.
#include "zstd_alone.h"
#define XXH_NO_INLINE_HINTS 1
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

// What is done once a block or once a frame is made small.
#define COLD _Pragma("clang attribute push(__attribute__((minsize)), apply_to = function)")
#define COLD_END _Pragma("clang attribute pop")

COLD
#include "common/entropy_common.c"
#include "common/error_private.c"
#pragma push_macro("FORCE_INLINE_TEMPLATE")
#undef FORCE_INLINE_TEMPLATE
#define FORCE_INLINE_TEMPLATE static __attribute__((noinline))  // one function for two cases
#include "common/fse_decompress.c"
#pragma pop_macro("FORCE_INLINE_TEMPLATE")
#include "common/zstd_common.c"
COLD_END

// All literals of a block have room in the context, so that the third way to keep them, in two parts,
// is never taken: with a bit for the way, the compiler sees that too.
#define ZSTD_DECODER_INTERNAL_BUFFER (1 << 17)
#define litBufferLocation litBufferLocation : 1
#include "decompress/zstd_decompress_internal.h"
#undef litBufferLocation

#pragma push_macro("HINT_INLINE")
#undef HINT_INLINE
#define HINT_INLINE static __attribute__((noinline))  // ends of streams
#include "decompress/huf_decompress.c"
#pragma pop_macro("HINT_INLINE")

// Frames have no checksum of their own (G13).
#include "common/xxhash.h"
#undef XXH64_reset
#undef XXH64_update
#undef XXH64_digest
#define XXH64_reset(state, seed) ((void)(state))
#define XXH64_update(state, data, size) ((void)(state))
#define XXH64_digest(state) 0

COLD
#include "decompress/zstd_decompress.c"
COLD_END
#include "decompress/zstd_decompress_block.c"

#pragma GCC visibility push(default)

// The bytes that pcpu_zstd works in.
size_t pcpu_zstd_workspace(void) { return sizeof(ZSTD_DCtx); }

// Decodes one frame whose content has exactly dst_length bytes, as if the prefix stood before it;
// the length, or -1. workspace is 8-byte aligned.
ptrdiff_t pcpu_zstd(void* dst, size_t dst_length, const void* src, size_t src_length,
                    const void* prefix, size_t prefix_length, void* workspace) {
    ZSTD_DCtx* const context = workspace;
    ZSTD_initDCtx_internal(context);
    ZSTD_decompressBegin(context);
    // A prefix is content even where it begins like a dictionary.
    ZSTD_refDictContent(context, prefix, prefix_length);
    ZSTD_checkContinuity(context, dst, dst_length);
    size_t const got = ZSTD_decompressFrame(context, dst, dst_length, &src, &src_length);
    ZSTD_FrameHeader const* const header = &context->fParams;
    return got == dst_length && src_length == 0
        && header->frameType == ZSTD_frame
        && header->frameContentSize == dst_length
        && header->dictID == 0
        && header->checksumFlag == 0
        && header->windowSize <= 1ULL << 27 ? (ptrdiff_t)got : -1;
}
