// Numbers in text, eight digits a step. Each function reads from `*at` and moves it behind what it has read; eight bytes behind
// the last row must be readable.
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALWAYS static inline __attribute__((always_inline))

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "loop: %s\n", what);
	exit(2);
}

ALWAYS uint64_t load8(const char *at)
{
	uint64_t word;
	memcpy(&word, at, 8);
	return word;
}

// The value of eight decimal digits, the first one in the lowest byte.
ALWAYS uint64_t eight_digits(uint64_t word)
{
	word = (word & 0x0f0f0f0f0f0f0f0full) * 2561 >> 8;
	word = (word & 0x00ff00ff00ff00ffull) * 6553601 >> 16;
	return (word & 0x0000ffff0000ffffull) * 42949672960001ull >> 32;
}

// How many of the eight bytes, from the lowest on, are decimal digits.
ALWAYS unsigned digits_in(uint64_t word)
{
	const uint64_t high = word ^ 0x3030303030303030ull;
	const uint64_t other = (high | (high + 0x0606060606060606ull)) & 0xf0f0f0f0f0f0f0f0ull;
	return other == 0 ? 8 : (unsigned)__builtin_ctzll(other) >> 3;
}

static const uint64_t TENS[9] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

// Any number of digits, eight a step.
ALWAYS uint64_t decimal(const char **at)
{
	uint64_t word = load8(*at);
	unsigned digits = digits_in(word);
	if (digits == 0)
		fail("expected a digit");
	if (digits < 8) {
		*at += digits;
		return eight_digits(word << (64 - 8 * digits));
	}
	uint64_t value = eight_digits(word);
	for (;;) {
		*at += 8;
		word = load8(*at);
		digits = digits_in(word);
		if (digits < 8)
			break;
		value = value * 100000000 + eight_digits(word);
	}
	if (digits == 0)
		return value;
	*at += digits;
	return value * TENS[digits] + eight_digits(word << (64 - 8 * digits));
}

// How many of the eight bytes, from the lowest on, stand before the first '+': addresses end there.
ALWAYS unsigned before_plus(uint64_t word)
{
	const uint64_t same = word ^ 0x2b2b2b2b2b2b2b2bull;
	const uint64_t zero = (same - 0x0101010101010101ull) & ~same & 0x8080808080808080ull;
	return zero == 0 ? 8 : (unsigned)__builtin_ctzll(zero) >> 3;
}

// The value of eight hexadecimal digits of either case, the first one in the lowest byte.
ALWAYS uint64_t eight_hex_digits(uint64_t word)
{
	word = (word & 0x0f0f0f0f0f0f0f0full) + 9 * (word >> 6 & 0x0101010101010101ull);
	word = (word << 4 | word >> 8) & 0x00ff00ff00ff00ffull;
	word = (word << 8 | word >> 16) & 0x0000ffff0000ffffull;
	return (word << 16 | word >> 32) & 0xffffffffull;
}

ALWAYS uint64_t hexadecimal(const char **at)
{
	uint64_t value = 0;
	for (;;) {
		const uint64_t word = load8(*at);
		const unsigned digits = before_plus(word);
		*at += digits;
		if (digits == 8) {
			value = value << 32 | eight_hex_digits(word);
			continue;
		}
		return digits == 0 ? value : value << 4 * digits | eight_hex_digits(word << (64 - 8 * digits));
	}
}
