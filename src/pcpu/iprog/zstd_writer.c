// Zstandard's compressor with a prefix, for planners: in memory that the caller gives, which is zeros
// and takes pages only where it is written to, and with trees of the prefix that threads make beside
// each other. What it writes are ordinary frames (spec/iprog.md G13).
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
#include "compress/zstd_fast.c"
#include "compress/zstd_lazy.c"
#include "compress/zstd_ldm.c"
#include "compress/zstd_opt.c"
#include "compress/zstd_preSplit.c"

// Tables are zeros already, and are not to be touched where nothing is put.
#define ZSTD_cwksp_clean_tables(workspace) ZSTD_cwksp_mark_tables_clean(workspace)
// A prefix is put into trees by pcpu_index.
#define ZSTD_updateTree(state, last, end) ((void)0)
#include "compress/zstd_compress.c"
#undef ZSTD_updateTree

#define READ 8    // bytes from a place on that are looked at, at least
#define NEAR 8    // places further on, of which trees and then their roots are asked for
#define FAR 24
#define OPENED 9  // bytes from a place on up to where it is the first to say something

// The seven parameters of ZSTD_compressionParameters as a whole set.
static ZSTD_CCtx_params pcpu_set(const int* c) {
    ZSTD_compressionParameters const own = {c[0], c[1], c[2], c[3], c[4], c[5], (ZSTD_strategy)c[6]};
    ZSTD_parameters const all = {own, {1, 0, 1}};  // the size of the content, and nothing else
    ZSTD_CCtx_params set;
    ZSTD_CCtxParams_init_internal(&set, &all, ZSTD_NO_CLEVEL);
    set.ldmParams.enableLdm = ZSTD_ps_disable;  // which windows of 2^27 bytes would have
    return set;
}

// ZSTD_insertBt1 with a floor: what stands up to there has no children any more. How many places to
// go on by.
static U32 pcpu_insert(ZSTD_MatchState_t* state, const BYTE* here, const BYTE* end, size_t root,
                       U32 floor) {
    const BYTE* const base = state->window.base;
    U32* const trees = state->chainTable;
    U32 const mask = (1U << (state->cParams.chainLog - 1)) - 1, place = (U32)(here - base);
    U32 match = state->hashTable[root], covered = place + OPENED, none;
    U32 *smaller = trees + 2 * (place & mask), *larger = smaller + 1;
    size_t below = 0, above = 0, best = READ;
    state->hashTable[root] = place;
    for (U32 left = 1U << state->cParams.searchLog; left && match; --left) {
        U32* const children = trees + 2 * (match & mask);
        const BYTE* const there = base + match;
        size_t length = MIN(below, above);
        length += ZSTD_count(here + length, there + length, end);
        if (length > best) {
            best = length;
            covered = MAX(covered, match + (U32)length);
        }
        if (here + length == end) break;  // which is larger nobody knows
        if (there[length] < here[length]) {
            *smaller = match;
            below = length;
            smaller = match <= floor ? &none : children + 1;
            match = match <= floor ? 0 : children[1];
        } else {
            *larger = match;
            above = length;
            larger = match <= floor ? &none : children;
            match = match <= floor ? 0 : children[0];
        }
    }
    *smaller = *larger = 0;
    U32 const repeated = best > 384 ? MIN(192, (U32)(best - 384)) : 0;
    return MAX(repeated, covered - (place + READ));
}

// The tree of what begins at a place.
static size_t pcpu_root(const ZSTD_MatchState_t* state, const BYTE* here, U32 bits) {
    return ZSTD_hashPtr(here, bits, state->cParams.minMatch);
}

// Ask for what will be looked at first in a tree, if it is one of this part.
static void pcpu_fetch(const ZSTD_MatchState_t* state, size_t root, size_t part, U32 bits) {
    if (root >> (bits - 1) != part) return;
    U32 const mask = (1U << (state->cParams.chainLog - 1)) - 1, match = state->hashTable[root];
    PREFETCH_L1(state->window.base + match);
    PREFETCH_L1(state->chainTable + 2 * (match & mask));
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

// Puts what begins in prefix[first:last] into trees, one half of these for each part, 0 and 1. Where
// in the prefix to go on. Parts do not look at what others write, as long as all do the same stretch
// of the prefix at the same time: of places that the stretch takes room from no children are read.
size_t pcpu_index(ZSTD_CCtx* context, size_t part, size_t first, size_t last) {
    ZSTD_MatchState_t* const state = &context->blockState.matchState;
    const BYTE *const base = state->window.base, *const end = state->window.nextSrc;
    U32 const start = state->window.dictLimit, places = 1U << (state->cParams.chainLog - 1);
    U32 const bits = state->cParams.hashLog, stop = start + (U32)last;
    U32 const floor = stop > places ? stop - places : 0;
    U32 place = start + (U32)first;
    while (place < stop && base + place + READ < end) {
        if (base + place + FAR + READ < end) {
            pcpu_fetch(state, pcpu_root(state, base + place + NEAR, bits), part, bits);
            size_t const later = pcpu_root(state, base + place + FAR, bits);
            if (later >> (bits - 1) == part) PREFETCH_L1(state->hashTable + later);
        }
        size_t const root = pcpu_root(state, base + place, bits);
        place += root >> (bits - 1) == part ? pcpu_insert(state, base + place, end, root, floor) : 1;
    }
    return place - start;
}

// Writes the frame; its length, or -1.
ptrdiff_t pcpu_end(ZSTD_CCtx* context, void* to, size_t room, const void* content, size_t length) {
    size_t const got = ZSTD_compressEnd_public(context, to, room, content, length);
    return ZSTD_isError(got) ? -1 : (ptrdiff_t)got;
}

// The bytes that pcpu_match works in.
size_t pcpu_matcher_room(void) { return sizeof(Matcher); }

// Writes a matched frame, where pcpu_begin began one of Zstandard behind a prefix of 8 bytes or more;
// its length, or -1 where it has no room. ``matcher`` is zeros.
ptrdiff_t pcpu_match(ZSTD_CCtx* context, Matcher* matcher, void* to, size_t room,
                     const void* content, size_t length, const void* prefix, size_t prefix_length,
                     const U16* chances, const U16* costs, const BYTE* rates) {
    ZSTD_MatchState_t* const state = &context->blockState.matchState;
    ZSTD_window_update(&state->window, content, length, 0);
    U32 next = state->nextToUpdate = state->window.dictLimit;
    matcher->chances = chances;
    matcher->costs = costs;
    matcher->rates = rates;
    matcher->content = content;
    matcher->length = length;
    matcher->prefix_end = (const BYTE*)prefix + prefix_length;
    matcher->range = (U64)1 << 32;
    matcher->to = to;
    Before before = {{1, 2, 3, 4}, 0, 0};
    for (size_t at = 0, told = 0; at < length;) {
        if (!at || at >= told + AGAIN) pcpu_tell_prices(matcher), told = at;
        Node taken;
        U32 steps = 0;
        for (U32 end = pcpu_look(matcher, state, &next, at, &before, &taken); end;
             end -= matcher->nodes[end].length)
            matcher->ends[steps++] = end;
        while (steps || taken.length) {
            const Node* const step = steps ? matcher->nodes + matcher->ends[--steps] : &taken;
            if (matcher->written + MOST_OF_STEP > room) return -1;
            pcpu_write(matcher, &before, at, step);
            at += step->length;
            if (step == &taken) break;
        }
    }
    size_t const written = pcpu_finish(matcher), least = MIN(written, 4);
    ZSTD_memmove(to, (const BYTE*)to + least, written - least);  // a number begins with zeros
    return (ptrdiff_t)(written - least);
}
