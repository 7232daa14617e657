/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A seeded pseudo-random generator (xoshiro256**, Blackman and Vigna 2018): the same seed
 * gives the same sequence on every platform. Not for secrets.
 */
#ifndef RIG_BASE_PRNG_H
#define RIG_BASE_PRNG_H

#include <stdint.h>

struct rig_prng {
    uint64_t state[4];
};

void rig_prng_init(struct rig_prng *prng, uint64_t seed);
uint64_t rig_prng_u64(struct rig_prng *prng);
/* Uniform in [0, bound), bound > 0, without modulo bias. */
uint64_t rig_prng_below(struct rig_prng *prng, uint64_t bound);
/* Uniform in [0, 1). */
double rig_prng_unit(struct rig_prng *prng);

#endif
