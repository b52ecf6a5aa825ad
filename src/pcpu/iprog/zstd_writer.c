// Zstandard's compressor with a prefix, for planners: in memory that the caller gives, which is zeros
// and takes pages only where it is written to, with what finding.c finds. What it writes are ordinary
// frames (spec/iprog.md G13), or matched ones (matching.c).
#include "zstd_alone.h"
#define ZSTD_STATIC_LINKING_ONLY
// The strategies that pcpu.iprog.frames takes are lazy2 and btultra2.
#define ZSTD_EXCLUDE_DFAST_BLOCK_COMPRESSOR
#define ZSTD_EXCLUDE_GREEDY_BLOCK_COMPRESSOR
#define ZSTD_EXCLUDE_LAZY_BLOCK_COMPRESSOR
#define ZSTD_EXCLUDE_BTLAZY2_BLOCK_COMPRESSOR
#define ZSTD_EXCLUDE_BTOPT_BLOCK_COMPRESSOR

#include "common/debug.c"
#include "common/entropy_common.c"
#include "common/error_private.c"
#include "common/fse_decompress.c"
#include "common/zstd_common.c"
#include "compress/fse_compress.c"
#include "compress/hist.c"
#include "compress/huf_compress.c"
#include "compress/zstd_compress_literals.c"
#include "compress/zstd_compress_sequences.c"
#include "compress/zstd_compress_superblock.c"
#include "compress/zstd_lazy.c"
// The strategy "fast", which cannot be left out by its name.
#include "compress/zstd_fast.h"
#define ZSTD_compressBlock_fast NULL
#define ZSTD_compressBlock_fast_extDict NULL
#define ZSTD_compressBlock_fast_dictMatchState NULL
#define ZSTD_fillHashTable(state, end, how, what) ((void)0)
#include "compress/zstd_ldm.c"
#include "finding.c"
// What is found is found before.
#define getAllMatches(matches, state, next, here, end, repeated, no_literals, least) \
    pcpu_ready(matches, state, here, end, repeated, no_literals, least)
#include "compress/zstd_opt.c"
#undef getAllMatches
#include "compress/zstd_preSplit.c"

// Tables are zeros already, and are not to be touched where nothing is put.
#define ZSTD_cwksp_clean_tables(workspace) ZSTD_cwksp_mark_tables_clean(workspace)
// A prefix is put into trees by pcpu_index.
#define ZSTD_updateTree(state, last, end) ((void)0)
#include "compress/zstd_compress.c"
#undef ZSTD_updateTree

// The seven parameters of ZSTD_compressionParameters as a whole set.
static ZSTD_CCtx_params pcpu_set(const int* c) {
    ZSTD_compressionParameters const own = {c[0], c[1], c[2], c[3], c[4], c[5], (ZSTD_strategy)c[6]};
    ZSTD_parameters const all = {own, {1, 0, 1}};  // the size of the content, and nothing else
    ZSTD_CCtx_params set;
    ZSTD_CCtxParams_init_internal(&set, &all, ZSTD_NO_CLEVEL);
    set.ldmParams.enableLdm = ZSTD_ps_disable;  // which windows of 2^27 bytes would have
    return set;
}

#include "matching.c"

#pragma GCC visibility push(default)

// The bytes that are worked in, for these parameters; 0 if there is no such thing.
size_t pcpu_room(const int* parameters) {
    ZSTD_CCtx_params const set = pcpu_set(parameters);
    return ZSTD_isError(ZSTD_checkCParams(set.cParams))
        ? 0 : ZSTD_estimateCCtxSize_usingCCtxParams(&set);
}

// Begins a frame of so many bytes behind a prefix, which stays where it is; 0, or -1. The room is
// zeros, and aligned to 8 bytes.
ptrdiff_t pcpu_begin(void* room, size_t size, const int* parameters, const void* prefix,
                     size_t prefix_length, size_t length) {
    ZSTD_CCtx_params const set = pcpu_set(parameters);
    ZSTD_CCtx* const context = ZSTD_initStaticCCtx(room, size);
    return context == NULL
        || ZSTD_isError(ZSTD_compressBegin_internal(context, prefix, prefix_length,
               ZSTD_dct_rawContent, ZSTD_dtlm_fast, NULL, &set, length, ZSTDb_not_buffered)) ? -1 : 0;
}

// The bytes of a finder that keeps so many batches of 2^batch_log places.
size_t pcpu_finder_room(unsigned batch_log, unsigned kept) {
    return sizeof(Finder) + (kept * (MOST * sizeof(ZSTD_match_t) + sizeof(U32) + 1) << batch_log);
}

// Makes a finder, of zeros, for a frame that was begun, from the same prefix on.
void pcpu_finder(Finder* f, unsigned batch_log, unsigned kept, ZSTD_CCtx* context,
                 const BYTE* prefix, size_t prefix_length, const BYTE* content, size_t length) {
    ZSTD_MatchState_t* const state = &context->blockState.matchState;
    if (prefix_length < READ) prefix_length = 0;  // as Zstandard has it
    f->heads = state->hashTable;
    f->trees = state->chainTable;
    f->mask = (1U << (state->cParams.chainLog - 1)) - 1;
    f->bits = state->cParams.hashLog;
    f->least = state->cParams.minMatch;
    f->lasts = state->hashTable3;
    f->last_bits = state->hashLog3;
    f->depth = MIN(1U << state->cParams.searchLog, DEPTH);
    f->start = ZSTD_WINDOW_START_INDEX;
    f->split = f->start + (U32)prefix_length;
    f->ahead = f->split - (f->split + EVERY - 1) / EVERY;
    f->prefix = prefix - f->start;
    f->content = content - f->split;
    f->prefix_length = prefix_length;
    f->length = length;
    f->batch_log = batch_log;
    f->kept = kept;
    size_t const places = (size_t)kept << batch_log;
    ZSTD_match_t* const found = (ZSTD_match_t*)(f + 1);
    U32* const at = (U32*)(found + MOST * places);
    BYTE* const many = (BYTE*)(at + places);
    for (size_t n = 0; n < kept; ++n) {
        size_t const before = n << batch_log;
        Batch const own = {0, at + before, many + before, found + MOST * before};
        f->batches[n] = own;
    }
    state->opt.matchTable = f->matches;
}

// Puts what begins in prefix[first:last] into trees, one half of these for each part, 0 and 1.
void pcpu_index(Finder* f, size_t part, size_t first, size_t last) {
    U32 const from = f->start + (U32)first, to = f->start + (U32)last;
    if (part) pcpu_stretch(f, 1, from, to, NULL);  // code of its own for each
    else pcpu_stretch(f, 0, from, to, NULL);
}

// Puts what begins in content[first:last], in a batch or its end, into trees; keeps what it finds.
void pcpu_find(Finder* f, size_t first, size_t last) {
    U32 const step = MAX((f->mask + 1) / STRETCHES, 1);
    Batch* const b = f->batches + pcpu_batch(f, first);
    if (!pcpu_within(f, first)) b->used = 0;
    for (size_t begin = first, stop; begin < last; begin = stop) {
        stop = MIN(last, begin + step);
        pcpu_stretch(f, ALL, f->split + (U32)begin, f->split + (U32)stop, b);
    }
    for (size_t at = last; at-- > first + 1;)
        pcpu_extend(f, b, pcpu_within(f, at - 1), f->split + (U32)at - 1);
}

// Writes so much more of a frame, and its end; how long that is, or -1.
ptrdiff_t pcpu_write(ZSTD_CCtx* context, void* to, size_t room, const void* content, size_t length,
                     int is_last) {
    size_t const got = is_last ? ZSTD_compressEnd_public(context, to, room, content, length)
                               : ZSTD_compressContinue_public(context, to, room, content, length);
    return ZSTD_isError(got) ? -1 : (ptrdiff_t)got;
}

// The bytes that pcpu_match works in.
size_t pcpu_matcher_room(void) { return sizeof(Matcher); }

// Begins a matched frame behind a prefix of 8 bytes or more. ``matcher`` is zeros.
void pcpu_matcher(Matcher* m, const Finder* f, void* to, size_t room, const U16* chances,
                  const U16* costs, const BYTE* rates) {
    Before const before = {{1, 2, 3, 4}, 0, 0};
    m->finder = f;
    m->chances = chances;
    m->costs = costs;
    m->rates = rates;
    m->content = f->content + f->split;
    m->prefix_end = f->prefix + f->split;
    m->length = f->length;
    m->range = (U64)1 << 32;
    m->to = to;
    m->room = room;
    m->before = before;
}

// Writes what begins before ``found``, up to where all is found; where that is the end, it ends the
// frame. How long it is by then, or -1 where it has no room.
ptrdiff_t pcpu_match(Matcher* m, size_t found) {
    size_t const last = found == m->length ? found : found - MIN(found, AHEAD + 1);
    while (m->at < last)
        if (!pcpu_go_on(m)) return -1;
    return found < m->length ? (ptrdiff_t)m->written : (ptrdiff_t)pcpu_finish(m);
}
