#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/*
 * How long this disk takes to make 4 KiB more of a file durable: the price of
 * every durable step, so no figure means much without it.
 *
 *	fsync FOLDER
 */
#define TIMES 500

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static double ms[TIMES];
	static char page[4096];
	char path[4096];
	int fd;

	if (argc != 2)
		return 2;
	snprintf(path, sizeof(path), "%s/fsync-probe", argv[1]);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0) {
		perror(path);
		return 1;
	}
	for (int i = 0; i < TIMES; i++) {
		struct timespec a, b;

		clock_gettime(CLOCK_MONOTONIC, &a);
		if (write(fd, page, sizeof(page)) != (ssize_t)sizeof(page) ||
		    fsync(fd) != 0) {
			perror(path);
			return 1;
		}
		clock_gettime(CLOCK_MONOTONIC, &b);
		ms[i] = (double)(b.tv_sec - a.tv_sec) * 1e3 +
			(double)(b.tv_nsec - a.tv_nsec) / 1e6;
	}
	close(fd);
	unlink(path);
	qsort(ms, TIMES, sizeof(ms[0]), by_size);
	printf("{\"fsync_ms\": {\"p50\": %.3f, \"p99\": %.3f}}\n",
	       ms[TIMES / 2], ms[TIMES * 99 / 100]);
	return 0;
}
