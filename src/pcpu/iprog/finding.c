// Search trees of Zstandard's kind over a prefix and a content, several searches beside each other:
// a step of one waits for memory while the others do theirs. What is found is kept for who parses
// it, in batches, so that a thread can find while another one parses.
//
// Of EVERY so many places of the prefix (compressor.py says how many) one is put into trees: with two
// that takes half of the time. What matches from another one on is found a byte later, and extended.

#define READ 8           // bytes from a place on that are looked at, at least
#define NEAR 8           // places further on, of which trees are asked for
#define DISTANT 24       // the same of their roots
#define ROOTS 32         // that are known: those of the places up to there
#define OPENED 9         // bytes from a place on up to where it is the first to say something
#define SEARCHES 8       // at a time
#define MARKS 256        // that say which roots are searched from
#define DEPTH 32         // places that a search compares, at most
#define MOST (DEPTH + 2) // matches of a place: those, the nearest, and what is extended
#define SAME 4096        // bytes that are compared, at most
#define CLOSE (1 << 18)  // how far back three bytes are worth it
#define PLENTY 256       // bytes of a match that is taken without looking for others inside of it
#define EXTENDED 4       // bytes of one that is extended to where trees do not have it, at least
#define BATCHES 4        // that are kept, at most
#define ALL 2            // both parts of the trees
#define STRETCHES 128    // of a tree's places; a search reads no children of what one overwrites

// What was found from each place of a batch on: so many matches of more and more bytes.
typedef struct { U32 used, *at; BYTE* many; ZSTD_match_t* found; } Batch;

// Up to where nothing is put into trees, nothing is looked for, and a match goes on; its distance.
typedef struct { U32 skipped, quiet, same, distance; } Passed;

typedef struct {
    ZSTD_match_t matches[ZSTD_OPT_SIZE];  // Zstandard's own; it is known by them
    U32 *heads, *trees, mask, bits, least, depth;
    U32 *lasts, last_bits;                // the last place of three bytes
    U32 start, split;                     // places of the first byte of the prefix, of the content
    U32 ahead;                            // of the content's nodes in trees its places are so far
    const BYTE *prefix, *content;         // where the byte of place 0 would be
    size_t prefix_length, length;
    Passed passed[ALL + 1];
    U32 batch_log, kept;                  // of places of a batch, and how many are: a power of two
    Batch batches[BATCHES];
} Finder;

// A search from a place; where what is larger and what is smaller hangs, and how much of these is
// known to be the same.
typedef struct {
    const BYTE *here, *stop;
    U32 place, root, match, left, covered, quiet, found;
    U32* child[2];
    size_t same[2], best;
    ZSTD_match_t matches[MOST];
} Search;

// What searches of a stretch have in common, where no store may change it.
typedef struct {
    const BYTE *prefix, *content, *end;
    U32 *heads, *trees, mask, bits, split, ahead, floor, part;
} View;

static const BYTE* pcpu_bytes(const Finder* f, U32 place) {
    return (place < f->split ? f->prefix : f->content) + place;
}

// How many bytes from a place on are the same as from an earlier one, where ``length`` are.
static size_t pcpu_same(const Finder* f, U32 place, U32 match, size_t length, const BYTE* end) {
    const BYTE* here = pcpu_bytes(f, place) + length;
    const BYTE* const from = here;
    U32 const other = match + (U32)length;
    if (other < f->split && (size_t)(end - here) > f->split - other) {
        const BYTE* const across = here + (f->split - other);
        here += ZSTD_count(here, f->prefix + other, across);
        if (here < across) return length + (size_t)(here - from);
        return length + (size_t)(here - from) + ZSTD_count(here, f->content + f->split, end);
    }
    return length + ZSTD_count(here, pcpu_bytes(f, other), end);
}

static const BYTE* pcpu_there(const View* v, U32 place) {
    return (v->part == ALL && place >= v->split ? v->content : v->prefix) + place;
}

// The children of a place.
static U32* pcpu_children(const View* v, U32 place) {
    U32 const node = v->part == ALL && place >= v->split ? place - v->ahead : place / EVERY;
    return v->trees + 2 * (node & v->mask);
}

static void pcpu_fetch(const View* v, U32 match, size_t length) {
    PREFETCH_L1(pcpu_there(v, match) + length);
    PREFETCH_L1(pcpu_children(v, match));
}

static int pcpu_is_own(const View* v, U32 root) {
    return v->part == ALL || root >> (v->bits - 1) == v->part;
}

// Tells the root of a place far ahead, and asks for it and for what a nearer one needs first.
static void pcpu_look_ahead(const View* v, const BYTE* here, U32 place, U32* roots) {
    if (v->end - here <= DISTANT + READ) return;
    U32 const root = (U32)ZSTD_hashPtr(here + DISTANT, v->bits, 4);
    U32 const soon = roots[(place + NEAR) % ROOTS];
    roots[(place + DISTANT) % ROOTS] = root;
    if (pcpu_is_own(v, root)) PREFETCH_L1(v->heads + root);
    if (pcpu_is_own(v, soon)) pcpu_fetch(v, v->heads[soon], 0);
}

// Where the three bytes of a place were last, or 0; they are there now.
static U32 pcpu_last(const Finder* f, U32 place, const BYTE* here) {
    if (!f->last_bits) return 0;
    U32* const last = f->lasts + ZSTD_hash3Ptr(here, f->last_bits);
    U32 const match = *last;
    *last = place;
    return match && place - match < CLOSE ? match : 0;
}

// A match that is longer than all before.
FORCE_INLINE_TEMPLATE void pcpu_note(Search* s, U32 match, size_t length, U32 found) {
    ZSTD_match_t const own = {s->place - match, (U32)length};
    s->matches[found] = own;
    s->best = length;
    if (length > READ) s->covered = MAX(s->covered, match + (U32)length);
}

// The nearest match, which no tree may have.
static void pcpu_find_close(const Finder* f, Search* s) {
    U32 const match = pcpu_last(f, s->place, s->here);
    if (!match) return;
    size_t const length = pcpu_same(f, s->place, match, 0, s->stop);
    if (length < f->least) return;
    pcpu_note(s, match, length, s->found++);
}

static void pcpu_begin_search(const View* v, Search* s, U32 place, const BYTE* here, U32 root) {
    s->here = here;
    s->stop = v->end - here > SAME ? here + SAME : v->end;
    s->place = place;
    s->root = root;
    s->match = v->heads[root];
    s->covered = place + OPENED;
    s->found = 0;
    s->child[1] = pcpu_children(v, place);
    s->child[0] = s->child[1] + 1;
    s->same[0] = s->same[1] = 0;
    v->heads[root] = place;
}

// One step; whether there is another one. What stands up to the floor has no children any more.
FORCE_INLINE_TEMPLATE int pcpu_search(const Finder* f, const View* v, Search* s, U32* none) {
    U32 const match = s->match;
    if (!match || !s->left--) return 0;
    size_t length = MIN(s->same[0], s->same[1]);
    int const is_whole = v->part != ALL || match >= v->split || match + length + READ <= v->split;
    if (is_whole && s->here + length + READ <= s->stop) {
        U64 const other = MEM_read64(pcpu_there(v, match) + length) ^ MEM_read64(s->here + length);
        length = other ? length + ZSTD_NbCommonBytes(other)
                       : pcpu_same(f, s->place, match, length + READ, s->stop);
    } else {
        length = pcpu_same(f, s->place, match, length, s->stop);
    }
    if (length > s->best) pcpu_note(s, match, length, v->part == ALL ? s->found++ : 0);
    if (s->here + length == s->stop) return 0;  // which is larger nobody knows
    U32 const is_smaller = *pcpu_there(v, match + (U32)length) < s->here[length];
    U32* const children = pcpu_children(v, match);
    *s->child[is_smaller] = match;
    s->same[is_smaller] = length;
    s->child[is_smaller] = match <= v->floor ? none : children + is_smaller;
    s->match = match <= v->floor ? 0 : children[is_smaller];
    pcpu_fetch(v, s->match, MIN(s->same[0], s->same[1]));
    return 1;
}

static void pcpu_keep(Batch* b, U32 at, const ZSTD_match_t* found, U32 many) {
    b->at[at] = b->used;
    b->many[at] = (BYTE)many;
    for (U32 n = 0; n < many; ++n) b->found[b->used + n] = found[n];
    b->used += many;
}

// Which batch a place of the content is in, and which of its places it is.
static U32 pcpu_batch(const Finder* f, size_t at) { return at >> f->batch_log & (f->kept - 1); }
static U32 pcpu_within(const Finder* f, size_t at) { return at & (((size_t)1 << f->batch_log) - 1); }

// Looks for nothing where it is said to be needless.
static void pcpu_pass(const Finder* f, Batch* b, U32 place, const Passed* passed) {
    U32 const goes_on = passed->same > place ? passed->same - place : 0;
    ZSTD_match_t const on = {passed->distance, goes_on};
    pcpu_keep(b, pcpu_within(f, place - f->split), &on, goes_on >= f->least);
}

// Begins the next search, if there is one and it need not wait for an earlier one; whether it did.
FORCE_INLINE_TEMPLATE int pcpu_next(const Finder* f, const View* v, Search* s, U32* next, U32 last,
                                    U32* roots, BYTE* marks, Batch* b, const Passed* passed) {
    const BYTE* const base = v->part == ALL ? v->content : v->prefix;
    U32 const step = v->part == ALL ? 1 : EVERY;
    for (; *next < last; *next += step) {
        U32 const place = *next, root = roots[place % ROOTS];
        const BYTE* const here = base + place;
        int const is_short = v->end - here <= READ;
        if (!is_short && place >= passed->skipped && pcpu_is_own(v, root)) {
            if (marks[root % MARKS]) return 0;
            marks[root % MARKS] = 1;
            pcpu_look_ahead(v, here, place, roots);
            pcpu_begin_search(v, s, place, here, root);
            s->left = f->depth;
            s->best = f->least - 1;
            s->quiet = place < passed->quiet;
            if (v->part == ALL) pcpu_find_close(f, s);
            if (v->part == ALL && s->quiet) pcpu_pass(f, b, place, passed);
            *next += step;
            return 1;
        }
        pcpu_look_ahead(v, here, place, roots);
        if (v->part != ALL) continue;
        if (!is_short) pcpu_last(f, place, here);
        pcpu_pass(f, b, place, passed);
    }
    return 0;
}

// Ends a search: what need not be looked at after it, of repetitions as ZSTD_insertBt1 has it.
FORCE_INLINE_TEMPLATE void pcpu_end_search(const Finder* f, const View* v, const Search* s,
                                           Batch* b, Passed* passed) {
    U32 const last = s->place + (U32)s->best;
    U32 const repeated = s->best > 384 ? MIN(192, (U32)(s->best - 384)) : 0;
    *s->child[0] = *s->child[1] = 0;
    passed->skipped = MAX(passed->skipped, MAX(s->place + repeated, s->covered - READ));
    if (v->part != ALL) return;
    if (!s->quiet) pcpu_keep(b, pcpu_within(f, s->place - f->split), s->matches, s->found);
    if (s->best >= PLENTY) passed->quiet = MAX(passed->quiet, last);
    if (s->best < READ || last <= passed->same) return;
    passed->same = last;
    passed->distance = s->matches[s->found - 1].off;
}

// The last place whose node is taken when trees have so many.
static U32 pcpu_floor(const Finder* f, U32 nodes) {
    if (nodes <= f->mask + 1) return 0;
    U32 const taken = nodes - f->mask - 1;
    return taken + f->ahead >= f->split ? taken + f->ahead : taken * EVERY + EVERY - 1;
}

// Puts what begins in [first, last) into one half of the trees, or ALL of them; then it keeps what is
// found. Of places whose nodes these take, no children are read: parts may do the same stretch of the
// prefix at the same time.
FORCE_INLINE_TEMPLATE void pcpu_stretch(Finder* f, U32 part, U32 first, U32 last, Batch* b) {
    U32 const floor = pcpu_floor(f, part == ALL ? last - f->ahead : (last + EVERY - 1) / EVERY);
    const BYTE* const end = part == ALL ? f->content + f->split + f->length : f->prefix + f->split;
    View const v = {
        f->prefix, f->content, end, f->heads, f->trees,
        f->mask, f->bits, f->split, f->ahead, floor, part,
    };
    const BYTE* const base = part == ALL ? f->content : f->prefix;
    Passed passed = f->passed[part];
    Search searches[SEARCHES];
    BYTE marks[MARKS] = {0};
    U32 const every = part == ALL ? 1 : EVERY;
    U32 roots[ROOTS], active = 0, next = (first + every - 1) / every * every, none;
    for (U32 place = first; place < first + DISTANT && end - (base + place) > READ; ++place)
        roots[place % ROOTS] = (U32)ZSTD_hashPtr(base + place, v.bits, 4);
    do {
        for (U32 n = 0; n < SEARCHES; ++n) {
            Search* const s = searches + n;
            if (!(active >> n & 1)) {
                if (!pcpu_next(f, &v, s, &next, last, roots, marks, b, &passed)) continue;
                active |= 1U << n;
            }
            if (pcpu_search(f, &v, s, &none)) continue;
            pcpu_end_search(f, &v, s, b, &passed);
            marks[s->root % MARKS] = 0;
            active &= ~(1U << n);
        }
    } while (active || next < last);
    f->passed[part] = passed;
}

// Puts the longest match of the next place, begun a byte earlier, behind what was found from a place,
// where it is longer than that.
static void pcpu_extend(Finder* f, Batch* b, U32 n, U32 place) {
    U32 const many = b->many[n], longest = many ? b->found[b->at[n] + many - 1].len : 0;
    if (!b->many[n + 1] || b->used + many >= MOST << f->batch_log) return;
    ZSTD_match_t longer = b->found[b->at[n + 1] + b->many[n + 1] - 1];
    if (longer.len++ < MAX(longest, EXTENDED) || place - f->start < longer.off) return;
    if (*pcpu_bytes(f, place - longer.off) != *pcpu_bytes(f, place)) return;
    U32 const from = b->at[n];
    pcpu_keep(b, n, b->found + from, many);
    b->found[b->used++] = longer;
    ++b->many[n];
}

// What was found from a place of the content on; how many matches.
static U32 pcpu_found(const Finder* f, size_t at, const ZSTD_match_t** found) {
    const Batch* const b = f->batches + pcpu_batch(f, at);
    U32 const n = pcpu_within(f, at);
    *found = b->found + b->at[n];
    return b->many[n];
}

// How many bytes of the content are the same as so far before, of so many at most.
static size_t pcpu_alike(const Finder* f, size_t at, U32 distance, size_t most) {
    U32 const place = f->split + (U32)at;
    return pcpu_same(f, place, place - distance, 0, f->content + place + most);
}

// ZSTD_insertBtAndGetAllMatches, of what is found already: distances that repeat, and then longer
// matches.
static U32 pcpu_ready(ZSTD_match_t* matches, const ZSTD_MatchState_t* state, const BYTE* here,
                      const BYTE* end, const U32* repeated, U32 no_literals, U32 least) {
    const Finder* const f = (const Finder*)matches;
    size_t const at = (size_t)(here - f->content) - f->split, most = (size_t)(end - here);
    size_t best = least - 1;
    U32 count = 0;
    for (U32 n = no_literals; n < ZSTD_REP_NUM + no_literals; ++n) {
        U32 const distance = n == ZSTD_REP_NUM ? repeated[0] - 1 : repeated[n];
        if (distance - 1 >= at + f->prefix_length) continue;
        size_t const length = pcpu_alike(f, at, distance, most);
        if (length <= best) continue;
        best = length;
        matches[count].off = REPCODE_TO_OFFBASE(n - no_literals + 1);
        matches[count++].len = (U32)length;
        if (length > state->cParams.targetLength || length == most) return count;
    }
    const ZSTD_match_t* found;
    for (U32 many = pcpu_found(f, at, &found); many && best < most; --many, ++found) {
        size_t const length = found->len < SAME ? MIN(found->len, most)
                                                : pcpu_alike(f, at, found->off, most);
        if (length <= best) continue;
        best = length;
        matches[count].off = OFFSET_TO_OFFBASE(found->off);
        matches[count++].len = (U32)length;
    }
    return count;
}
