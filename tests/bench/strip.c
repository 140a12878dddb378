#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "media/strip.h"

/*
 * Cleaning a file as a share of cp, taking turns, so that both see the same
 * machine:
 *
 *	strip [FOLDER] [ROUNDS]
 *
 * Makes a PNG and a JPEG of 10 MB and an MP4 of 50 MB in the folder (the
 * current one), whose pictures are noise, prints the medians and their ratio,
 * and removes them.
 */
#define ROUNDS_MAX 1001

static unsigned char piece[64 * 1024];

static void put(FILE *f, const void *p, size_t n)
{
	if (fwrite(p, 1, n, f) != n) {
		perror("strip");
		exit(1);
	}
}

static void put32(FILE *f, size_t v)
{
	unsigned char p[4] = {(unsigned char)(v >> 24),
			      (unsigned char)(v >> 16), (unsigned char)(v >> 8),
			      (unsigned char)v};

	put(f, p, 4);
}

static void chunk(FILE *f, const char *type, const void *p, size_t n)
{
	put32(f, n);
	put(f, type, 4);
	put(f, p, n);
	put32(f, 0); /* nobody looks at the CRC of what is copied */
}

static void png(FILE *f)
{
	put(f, "\x89PNG\r\n\x1a\n", 8);
	chunk(f, "IHDR", "\0\0\7\xd0\0\0\7\xd0\x08\2\0\0\0", 13);
	chunk(f, "tEXt", piece, 30000);
	for (int i = 0; i < 160; i++)
		chunk(f, "IDAT", piece, sizeof(piece));
	chunk(f, "IEND", "", 0);
}

static void jpeg(FILE *f)
{
	put(f, "\xff\xd8\xff\xfe\x40\0", 6);
	put(f, piece, 0x3ffe);
	put(f, "\xff\xc0\0\x0b\x08\7\xd0\7\xd0\1\1\x11\0", 13);
	put(f, "\xff\xda\0\x08\1\1\0\0\x3f\0", 10);
	/* A byte of FF is followed by 00, as coders write it. */
	for (size_t i = 0; i + 1 < sizeof(piece); i++) {
		if (piece[i] == 0xff)
			piece[i + 1] = 0;
	}
	piece[sizeof(piece) - 1] = 1;
	for (int i = 0; i < 160; i++)
		put(f, piece, sizeof(piece));
	put(f, "\xff\xd9", 2);
}

static void mp4(FILE *f)
{
	put32(f, 24);
	put(f, "ftypisom\0\0\2\0isommp41", 20);
	put32(f, 8 + 800 * sizeof(piece));
	put(f, "mdat", 4);
	for (int i = 0; i < 800; i++)
		put(f, piece, sizeof(piece));
	put32(f, 8 + 8 + 30000);
	put(f, "moov", 4);
	put32(f, 8 + 30000);
	put(f, "udta", 4);
	put(f, piece, 30000);
}

static double ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double by_cp(char *from, char *to)
{
	char *argv[] = {"cp", "--reflink=never", from, to, NULL};
	double start;
	int status = 1;
	pid_t pid;

	unlink(to);
	start = ms();
	pid = fork();
	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		exit(1);
	return ms() - start;
}

static double by_us(enum media_kind kind, const char *from, const char *to)
{
	struct problem why = {0};
	double start;
	int in, out;

	unlink(to);
	start = ms();
	in = open(from, O_RDONLY | O_CLOEXEC);
	out = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (in < 0 || out < 0 || !media_strip(kind, in, out, &why)) {
		fprintf(stderr, "strip: %s %s\n", from, why.detail);
		exit(1);
	}
	close(in);
	close(out);
	return ms() - start;
}

static int order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void compare(enum media_kind kind, void (*make)(FILE *),
		    const char *folder, int rounds)
{
	const char *ext = media_type(kind)->extension;
	char from[512], to[512];
	double cp[ROUNDS_MAX], us[ROUNDS_MAX];
	FILE *f;

	snprintf(from, sizeof(from), "%s/strip-bench.%s", folder, ext);
	snprintf(to, sizeof(to), "%s/strip-bench-out.%s", folder, ext);
	f = fopen(from, "we");
	if (f == NULL) {
		perror(from);
		exit(1);
	}
	make(f);
	if (fclose(f) != 0)
		exit(1);
	for (int i = 0; i < rounds; i++) {
		cp[i] = by_cp(from, to);
		us[i] = by_us(kind, from, to);
	}
	qsort(cp, (size_t)rounds, sizeof(cp[0]), order);
	qsort(us, (size_t)rounds, sizeof(us[0]), order);
	printf("strip.%s_ms %.2f\n", ext, us[rounds / 2]);
	printf("strip.%s_cp_ms %.2f\n", ext, cp[rounds / 2]);
	printf("strip.%s_ratio %.2f\n", ext, us[rounds / 2] / cp[rounds / 2]);
	unlink(from);
	unlink(to);
}

int main(int argc, char **argv)
{
	const char *folder = argc > 1 ? argv[1] : ".";
	long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 21;

	if (rounds < 1 || rounds > ROUNDS_MAX)
		return 2;
	srandom(1);
	for (size_t i = 0; i < sizeof(piece); i++)
		piece[i] = (unsigned char)random();
	compare(MEDIA_PNG, png, folder, (int)rounds);
	compare(MEDIA_JPEG, jpeg, folder, (int)rounds);
	compare(MEDIA_MP4, mp4, folder, (int)rounds);
	return 0;
}
