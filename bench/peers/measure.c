// Runs a command and tells how long it took and the most memory it had: measure OUTPUT COMMAND ARGUMENT...
//
// Writes one line of JSON to OUTPUT: wall nanoseconds from before the process is made until it has ended, peak KiB, exit status,
// and seconds of CPU. From a small process, so that making a child does not cost what it costs Node.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static double seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: measure OUTPUT COMMAND ARGUMENT...\n");
		return 2;
	}
	const uint64_t begin = now_ns();
	const pid_t child = vfork();
	if (child == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	int status = 0;
	struct rusage usage;
	if (child < 0 || wait4(child, &status, 0, &usage) != child)
		return 2;
	const uint64_t wall = now_ns() - begin;
	FILE *out = fopen(argv[1], "w");
	if (out == NULL)
		return 2;
	fprintf(out, "{\"wallNs\":%lu,\"peakKib\":%ld,\"status\":%d,\"cpuSeconds\":%.6f}\n", wall, usage.ru_maxrss,
		WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
		seconds(usage.ru_utime) + seconds(usage.ru_stime));
	return fclose(out) == 0 ? 0 : 2;
}
