// Matched frames (spec/iprog.md G119 to G123): the cheapest literals and matches that are found
// (finding.c), by what the bits cost that tell them.

#define KEPT 4        // distances
#define LEAST 2       // bytes of a match with a distance of its own
#define FOUND 3       // bytes of one that trees find
#define STEPS 64      // what the last three steps may have been
#define RUN 3         // literals behind a match that are told apart
#define FEW 15        // lengths that are told at once
#define FAR 14        // the first slot whose distances have bits that are as likely 0 as 1
#define LOW 4         // bits of a distance behind these
#define SHORT 7       // lengths that distances are told apart by
#define OFTEN 20      // how often an entry counts
#define CHANCES 4096
#define ODDS_MOST 2047
#define PRICE 64      // of a bit that is as likely 0 as 1
#define AHEAD 4096    // bytes that are looked at together
#define ENOUGH 192    // bytes of a match that is taken without looking further
#define AGAIN 2000    // bytes after which prices are told anew
#define NEVER 0xFFFFFFFFu
#define MOST_OF_STEP 128  // bytes that one takes
#define STORED (-1)   // a step that is a literal

typedef struct { S32 odds; U32 seen; } Entry;

// What was learnt, as G120 numbers it.
typedef struct {
    Entry steps[STEPS][4], behind[2][256], repeats[STEPS], which[KEPT], lengths[2][4][16],
        longs[2][32], slots[SHORT + 1][64], lows[FAR + 1][16], bytes[256][256],
        expected[RUN + 1][3][256];
} Model;

typedef struct { U32 kept[KEPT], steps, literals; } Before;  // what a step hangs on
typedef struct { U32 price, length, distance; int which; Before before; } Node;

typedef struct {
    U32 lengths[2][4][16], longs[2][32], slots[SHORT + 1][64], lows[FAR + 1][16];
} Prices;

typedef struct {
    // How likely a 1 is by odds, what a bit costs by how likely it is, and how much is learnt.
    const U16 *chances, *costs;
    const BYTE* rates;
    const BYTE *content, *prefix_end;
    size_t length, at, told;  // up to where it is written, and where prices were told
    Before before;
    U64 low, range;
    BYTE* to;
    size_t written, room;
    const Finder* finder;
    Model model;
    Prices prices;
    Node nodes[AHEAD + ENOUGH + 2];
    U32 ends[AHEAD + ENOUGH + 2];
} Matcher;

// Writing bits

static void pcpu_add(Matcher* m, U64 more) {
    m->low += more;
    if (m->low >= more) return;
    size_t at = m->written;
    while (!++m->to[--at]) {}
}

static void pcpu_shift(Matcher* m) {
    for (int place = 56; place >= 32; place -= 8) m->to[m->written++] = (BYTE)(m->low >> place);
    m->low <<= 32;
}

static void pcpu_refill(Matcher* m) {
    if (m->range >> 30) return;
    pcpu_shift(m);
    m->range <<= 32;
}

static U32 pcpu_part(const Matcher* m, S32 odds) {
    S32 const place = odds >> 8;
    return m->chances[CHANCES / 2 + MAX(-ODDS_MOST, MIN(ODDS_MOST, place))];
}

static void pcpu_learn(const Matcher* m, Entry* entry, S32 error) {
    entry->odds += error * m->rates[entry->seen];
    entry->seen += entry->seen < OFTEN;
}

static void pcpu_put(Matcher* m, Entry* a, Entry* b, U32 bit) {
    U32 const part = pcpu_part(m, a->odds + (b ? b->odds : 0));
    S32 const error = (S32)(bit << 12) - (S32)part;
    U64 const ones = (m->range >> 12) * part;
    if (bit) {
        m->range = ones;
    } else {
        pcpu_add(m, ones);
        m->range -= ones;
    }
    pcpu_refill(m);
    pcpu_learn(m, a, error);
    if (b) pcpu_learn(m, b, error);
}

static void pcpu_put_tree(Matcher* m, Entry* tree, U32 bits, U32 number) {
    for (U32 node = 1; bits--;) {
        U32 const bit = number >> bits & 1;
        pcpu_put(m, tree + node, NULL, bit);
        node = 2 * node + bit;
    }
}

static void pcpu_put_even(Matcher* m, U32 bits, U32 number) {
    m->range >>= bits;
    pcpu_add(m, m->range * (number & (((U64)1 << bits) - 1)));
    pcpu_refill(m);
}

// What is there

static BYTE pcpu_byte(const Matcher* m, size_t at, size_t back) {
    return back <= at ? m->content[at - back] : *(m->prefix_end - (back - at));
}

static U32 pcpu_log(U32 number) { return ZSTD_highbit32(number); }

static U32 pcpu_slot(U32 number) {
    return number < 4 ? number : 2 * pcpu_log(number) + (number >> (pcpu_log(number) - 1) & 1);
}

static U32 pcpu_low_bits(U32 slot) { return MIN(slot / 2 - 1, LOW); }

// Steps

static Entry* pcpu_step(Matcher* m, const Before* before, size_t at) {
    return &m->model.steps[before->steps][at & 3];
}

static Entry* pcpu_behind(Matcher* m, const Before* before, size_t at) {
    return &m->model.behind[before->literals == 0][pcpu_byte(m, at, 1)];
}

static void pcpu_follow(Before* before, int which, U32 distance) {
    U32 const kind = which == STORED ? 0 : which == KEPT ? 1 : 2;
    before->steps = (4 * before->steps + kind) % STEPS;
    before->literals = which == STORED ? before->literals + 1 : 0;
    if (which == STORED) return;
    for (int n = MIN(which, KEPT - 1); n > 0; --n) before->kept[n] = before->kept[n - 1];
    before->kept[0] = distance;
}

static Entry* pcpu_expected(Matcher* m, const Before* before, U32 byte, U32 node, U32 left) {
    U32 const row = (byte | 256) >> (left + 1) == node ? 1 + (byte >> left & 1) : 0;
    return &m->model.expected[MIN(before->literals, RUN)][row][node];
}

static void pcpu_put_literal(Matcher* m, const Before* before, size_t at) {
    Entry* const own = m->model.bytes[pcpu_byte(m, at, 1)];
    U32 const byte = m->content[at], repeated = pcpu_byte(m, at, before->kept[0]);
    pcpu_put(m, pcpu_step(m, before, at), pcpu_behind(m, before, at), 0);
    for (U32 node = 1, left = 8; left--;) {
        U32 const bit = byte >> left & 1;
        pcpu_put(m, own + node, pcpu_expected(m, before, repeated, node, left), bit);
        node = 2 * node + bit;
    }
}

static void pcpu_put_length(Matcher* m, int repeats, size_t at, U32 number) {
    pcpu_put_tree(m, m->model.lengths[repeats][at & 3], 4, MIN(number, FEW));
    if (number < FEW) return;
    U32 const bits = pcpu_log(number - FEW + 1);
    pcpu_put_tree(m, m->model.longs[repeats], 5, bits);
    pcpu_put_even(m, bits, number - FEW + 1);
}

static void pcpu_put_match(Matcher* m, const Before* before, size_t at, const Node* match) {
    int const repeats = match->which < KEPT;
    pcpu_put(m, pcpu_step(m, before, at), pcpu_behind(m, before, at), 1);
    pcpu_put(m, &m->model.repeats[before->steps], NULL, repeats);
    for (int n = 0; repeats && n < KEPT - 1 && n <= match->which; ++n)
        pcpu_put(m, &m->model.which[n], NULL, match->which > n);
    U32 const number = match->length - (repeats ? 1 : LEAST);
    pcpu_put_length(m, repeats, at, number);
    if (repeats) return;
    U32 const far = match->distance - 1, slot = pcpu_slot(far);
    pcpu_put_tree(m, m->model.slots[MIN(number, SHORT)], 6, slot);
    if (slot < 4) return;
    if (slot / 2 - 1 > LOW) pcpu_put_even(m, slot / 2 - 1 - LOW, far >> LOW);
    pcpu_put_tree(m, m->model.lows[MIN(slot, FAR)], pcpu_low_bits(slot), far);
}

// What steps cost

static U32 pcpu_price(const Matcher* m, const Entry* a, const Entry* b, U32 bit) {
    U32 const part = pcpu_part(m, a->odds + (b ? b->odds : 0));
    return m->costs[bit ? part : CHANCES - part];
}

static U32 pcpu_tree_price(const Matcher* m, const Entry* tree, U32 bits, U32 number) {
    U32 price = 0;
    for (U32 node = 1; bits--;) {
        U32 const bit = number >> bits & 1;
        price += pcpu_price(m, tree + node, NULL, bit);
        node = 2 * node + bit;
    }
    return price;
}

static void pcpu_tell_prices(Matcher* m) {
    Prices* const p = &m->prices;
    for (U32 n = 0; n < 2; ++n) {
        for (U32 place = 0; place < 4; ++place)
            for (U32 k = 0; k < 16; ++k)
                p->lengths[n][place][k] = pcpu_tree_price(m, m->model.lengths[n][place], 4, k);
        for (U32 k = 0; k < 32; ++k)
            p->longs[n][k] = pcpu_tree_price(m, m->model.longs[n], 5, k) + k * PRICE;
    }
    for (U32 n = 0; n <= SHORT; ++n)
        for (U32 slot = 0; slot < 64; ++slot)
            p->slots[n][slot] = pcpu_tree_price(m, m->model.slots[n], 6, slot)
                + (slot / 2 > LOW ? (slot / 2 - 1 - LOW) * PRICE : 0);
    for (U32 slot = 4; slot <= FAR; ++slot)
        for (U32 k = 0; k < 1U << pcpu_low_bits(slot); ++k)
            p->lows[slot][k] =
                pcpu_tree_price(m, m->model.lows[slot], pcpu_low_bits(slot), k);
}

static U32 pcpu_literal_price(Matcher* m, const Before* before, size_t at) {
    Entry* const own = m->model.bytes[pcpu_byte(m, at, 1)];
    U32 const byte = m->content[at], repeated = pcpu_byte(m, at, before->kept[0]);
    U32 price = pcpu_price(m, pcpu_step(m, before, at), pcpu_behind(m, before, at), 0);
    for (U32 node = 1, left = 8; left--;) {
        U32 const bit = byte >> left & 1;
        price += pcpu_price(m, own + node, pcpu_expected(m, before, repeated, node, left), bit);
        node = 2 * node + bit;
    }
    return price;
}

static U32 pcpu_length_price(const Matcher* m, int repeats, size_t at, U32 number) {
    const Prices* const p = &m->prices;
    U32 const told = p->lengths[repeats][at & 3][MIN(number, FEW)];
    return number < FEW ? told : told + p->longs[repeats][pcpu_log(number - FEW + 1)];
}

static U32 pcpu_distance_price(const Matcher* m, U32 number, U32 far) {
    U32 const slot = pcpu_slot(far), price = m->prices.slots[MIN(number, SHORT)][slot];
    if (slot < 4) return price;
    return price + m->prices.lows[MIN(slot, FAR)][far & ((1U << pcpu_low_bits(slot)) - 1)];
}

// The cheapest way

static void pcpu_offer(Matcher* m, U32 to, U32 price, U32 length, U32 distance, int which) {
    Node* const node = m->nodes + to;
    if (price >= node->price) return;
    node->price = price;
    node->length = length;
    node->distance = distance;
    node->which = which;
}

// Offers all steps from a place on; how far they reach.
static void pcpu_offer_all(Matcher* m, U32 from, size_t at, const size_t* repeated,
                           const ZSTD_match_t* found, U32 count) {
    const Node* const node = m->nodes + from;
    const Before* const before = &node->before;
    pcpu_offer(m, from + 1, node->price + pcpu_literal_price(m, before, at), 1, 0, STORED);
    U32 const price = node->price
        + pcpu_price(m, pcpu_step(m, before, at), pcpu_behind(m, before, at), 1);
    Entry* const repeats = &m->model.repeats[before->steps];
    U32 known = price + pcpu_price(m, repeats, NULL, 1), most = 0;
    for (int n = 0; n < KEPT; ++n) {
        U32 const own = known + (n < KEPT - 1 ? pcpu_price(m, &m->model.which[n], NULL, 0) : 0);
        for (U32 length = most + 1; length <= repeated[n]; ++length)
            pcpu_offer(m, from + length, own + pcpu_length_price(m, 1, at, length - 1), length,
                       before->kept[n], n);
        most = MAX(most, (U32)repeated[n]);
        if (n < KEPT - 1) known += pcpu_price(m, &m->model.which[n], NULL, 1);
    }
    U32 const fresh = price + pcpu_price(m, repeats, NULL, 0);
    U32 length = MAX(most + 1, LEAST);
    for (; count; --count, ++found) {
        U32 const distance = found->off;
        for (; length <= found->len; ++length)
            pcpu_offer(m, from + length,
                       fresh + pcpu_length_price(m, 0, at, length - LEAST)
                           + pcpu_distance_price(m, length - LEAST, distance - 1),
                       length, distance, KEPT);
    }
}

// Finds the cheapest way from where it is on, as far as it looks; how far that is. A match that is
// long enough is put behind it, in ``taken``, and has no length where there is none.
static U32 pcpu_look(Matcher* m, Node* taken) {
    U32 reach = 1, here = 0;
    m->nodes[0].price = 0;
    m->nodes[0].before = m->before;
    m->nodes[1].price = NEVER;
    taken->length = 0;
    for (;; ++here) {
        Node* const node = m->nodes + here;
        size_t const at = m->at + here, left = m->length - at;
        if (here) {
            node->before = (node - node->length)->before;
            pcpu_follow(&node->before, node->which, node->distance);
            if (here == reach || here >= AHEAD || !left) return here;
        }
        const ZSTD_match_t* found;
        U32 const count = pcpu_found(m->finder, at, &found);
        size_t repeated[KEPT];
        int best = 0;
        for (int n = 0; n < KEPT; ++n) {
            repeated[n] = pcpu_alike(m->finder, at, node->before.kept[n], left);
            if (repeated[n] > repeated[best]) best = n;
        }
        U32 const longest = count ? found[count - 1].len : 0;
        if (repeated[best] >= ENOUGH || longest >= ENOUGH) {
            U32 const distance = longest ? found[count - 1].off : 0;
            size_t const far = longest < SAME ? longest
                                              : pcpu_alike(m->finder, at, distance, left);
            int const repeats = repeated[best] >= far;
            taken->which = repeats ? best : KEPT;
            taken->length = (U32)(repeats ? repeated[best] : far);
            taken->distance = repeats ? node->before.kept[best] : distance;
            return here;
        }
        U32 const to = here + MAX(longest, (U32)repeated[best]);
        while (reach < to) m->nodes[++reach].price = NEVER;
        pcpu_offer_all(m, here, at, repeated, found, count);
    }
}

static void pcpu_tell(Matcher* m, const Node* step) {
    if (step->which == STORED) pcpu_put_literal(m, &m->before, m->at);
    else pcpu_put_match(m, &m->before, m->at, step);
    pcpu_follow(&m->before, step->which, step->distance);
    m->at += step->length;
}

// Writes the cheapest steps from where it is on; whether there was room for them.
static int pcpu_go_on(Matcher* m) {
    if (!m->at || m->at >= m->told + AGAIN) pcpu_tell_prices(m), m->told = m->at;
    Node taken;
    U32 steps = 0;
    for (U32 end = pcpu_look(m, &taken); end; end -= m->nodes[end].length) m->ends[steps++] = end;
    while (steps || taken.length) {
        const Node* const step = steps ? m->nodes + m->ends[--steps] : &taken;
        if (m->written + MOST_OF_STEP > m->room) return 0;
        pcpu_tell(m, step);
        if (step == &taken) break;
    }
    return 1;
}

// Ends the frame with as few bytes as say what it is; how many it has.
static size_t pcpu_finish(Matcher* m) {
    for (int place = 56; place >= 0; place -= 8) {
        U64 const up = (0 - m->low) & (((U64)1 << place) - 1);
        if (up >= m->range) continue;
        pcpu_add(m, up);
        break;
    }
    pcpu_shift(m);
    pcpu_shift(m);
    while (m->written && !m->to[m->written - 1]) --m->written;
    size_t const least = MIN(m->written, 4);
    m->written -= least;
    ZSTD_memmove(m->to, m->to + least, m->written);  // a number begins with zeros
    return m->written;
}
