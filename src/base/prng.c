/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/prng.h"

#include <assert.h>

/* SplitMix64 (Steele, Lea, Flood 2014): the seeding that xoshiro's authors recommend, because it
 * never yields the all-zero state and tells neighbouring seeds apart from the first number on. */
static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return (value << bits) | (value >> (64 - bits));
}

void rig_prng_init(struct rig_prng *prng, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        prng->state[i] = splitmix64(&seed);
}

uint64_t rig_prng_u64(struct rig_prng *prng)
{
    uint64_t *s = prng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* Lemire 2019: the high word of a 128-bit product is the result; the few products whose low word
 * is below 2^64 mod bound would favour some results and are drawn again. */
uint64_t rig_prng_below(struct rig_prng *prng, uint64_t bound)
{
    assert(bound > 0);
    unsigned __int128 product = (unsigned __int128)rig_prng_u64(prng) * bound;
    if ((uint64_t)product < bound) {
        uint64_t unfair_below = (0 - bound) % bound;
        while ((uint64_t)product < unfair_below)
            product = (unsigned __int128)rig_prng_u64(prng) * bound;
    }
    return (uint64_t)(product >> 64);
}

double rig_prng_unit(struct rig_prng *prng)
{
    return (double)(rig_prng_u64(prng) >> 11) * 0x1.0p-53;
}
