// libCacheSim's readers alone: every request is read and its size added up.
//
//   cc -O3 -I LIBCACHESIM/libCacheSim/include $(pkg-config --cflags glib-2.0) -o libcachesim-read libcachesim-read.c
//      LIBCACHESIM/build/liblibCacheSim.a $(pkg-config --libs glib-2.0) -lzstd -lm -lpthread -ldl
//   libcachesim-read csv FILE.csv      columns ts,op,offset,length,addr
//   libcachesim-read binary FILE.bin   records of 32 bytes as loop.c has them
#include <inttypes.h>
#include <libCacheSim/reader.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: libcachesim-read csv|binary FILE\n");
		return 2;
	}
	const bool is_csv = strcmp(argv[1], "csv") == 0;
	reader_init_param_t params;
	set_default_reader_init_params(&params);
	params.time_field = 1;
	params.obj_id_field = is_csv ? 3 : 2;
	params.obj_size_field = 4;
	params.obj_id_is_num = true;
	params.delimiter = ',';
	params.has_header = is_csv;
	params.has_header_set = true;
	params.binary_fmt_str = is_csv ? NULL : "<QQQII";

	reader_t *reader = open_trace(argv[2], is_csv ? CSV_TRACE : BIN_TRACE, &params);
	request_t *request = new_request();
	uint64_t requests = 0, bytes = 0;
	while (read_one_req(reader, request) == 0) {
		requests++;
		bytes += (uint64_t)request->obj_size;
	}
	printf("{\"requests\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n", requests, bytes);
	free_request(request);
	close_trace(reader);
	return 0;
}
