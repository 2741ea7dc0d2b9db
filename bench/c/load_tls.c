/* load_tls: the load generator for relays that end TLS. Prints one JSON object.
 *
 *   load_tls bulk PORT SECONDS                one connection, chunks of 256 KiB to the sink, after a short warm-up
 *   load_tls handshakes PORT THREADS SECONDS  call, full handshake, one message to and fro, close, again, in each thread
 *
 * TLS 1.3 with TLS_AES_256_GCM_SHA384 for everybody, and X25519 for all that know it (socat knows P-521 alone); no session is ever resumed. The certificate is not
 * verified against an authority (its signature over the handshake always is): that would be the client's work alone. */
#include "net.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>

static const double WARM_UP = 0.3;

static SSL_CTX *context;
static int port;

static void die_tls(const char *what) {
    fprintf(stderr, "%s: ", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static void prepare(void) {
    context = SSL_CTX_new(TLS_client_method());
    if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION)) die_tls("context");
    if (!SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384")) die_tls("cipher suite");
    if (!SSL_CTX_set1_groups_list(context, "X25519:P-256:P-521")) die_tls("groups");
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

static SSL *greet(int fd) {
    SSL *tls = SSL_new(context);
    SSL_set_tlsext_host_name(tls, "localhost");
    SSL_set_fd(tls, fd);
    if (SSL_connect(tls) != 1) die_tls("handshake");
    return tls;
}

static void read_all(SSL *tls, void *data, int size) {
    for (int got = 0; got < size;) {
        int n = SSL_read(tls, (char *)data + got, size - got);
        if (n <= 0) die_tls("the answer");
        got += n;
    }
}

static struct verdict pour(SSL *tls, double seconds) {
    static char chunk[CHUNK];
    struct verdict verdict;
    uint64_t start = now_ns();
    memset(chunk, 'x', sizeof chunk);
    for (int last = 0; !last;) {
        last = seconds_since(start) >= seconds;
        chunk[0] = last ? LAST : MORE;
        if (SSL_write(tls, chunk, CHUNK) != CHUNK) die_tls("write");
    }
    read_all(tls, &verdict, sizeof verdict);
    return verdict;
}

static void bulk(double seconds) {
    SSL *tls = greet(dial(port, 1, 0));
    uint64_t warm = pour(tls, WARM_UP).bytes, start = now_ns();
    struct verdict verdict = pour(tls, seconds);
    printf("{\"bytes\": %lu, \"seconds\": %.6f, \"all_bytes\": %lu, \"cipher\": \"%s %s\"}\n", verdict.bytes,
           seconds_since(start), verdict.bytes + warm, SSL_get_version(tls), SSL_get_cipher(tls));
}

static void converse(void) {
    char said[64] = "tincans", heard[64];
    int fd = dial(port, 1, 0);
    SSL *tls = greet(fd);
    if (SSL_write(tls, said, sizeof said) != sizeof said) die_tls("write");
    read_all(tls, heard, sizeof heard);
    SSL_shutdown(tls);
    SSL_free(tls);
    close(fd);
}

static void *converse_for(void *seconds) {
    uintptr_t count = 0;
    for (uint64_t start = now_ns(); seconds_since(start) < *(double *)seconds; count++) converse();
    return (void *)count;
}

static uintptr_t converse_in(int threads, double seconds) {
    pthread_t all[64];
    uintptr_t total = 0;
    void *count;
    for (int i = 0; i < threads; i++)
        if (pthread_create(&all[i], NULL, converse_for, &seconds)) die("pthread_create");
    for (int i = 0; i < threads; i++) {
        pthread_join(all[i], &count);
        total += (uintptr_t)count;
    }
    return total;
}

static void handshakes(int threads, double seconds) {
    uintptr_t warm = converse_in(threads, WARM_UP);
    uint64_t start = now_ns();
    uintptr_t count = converse_in(threads, seconds);
    printf("{\"handshakes\": %lu, \"seconds\": %.6f, \"all\": %lu}\n", count, seconds_since(start), count + warm);
}

int main(int count, char **arguments) {
    if (count < 4) return 2;
    port = atoi(arguments[2]);
    signal(SIGPIPE, SIG_IGN);
    prepare();
    if (!strcmp(arguments[1], "bulk") && count == 4) bulk(atof(arguments[3]));
    else if (!strcmp(arguments[1], "handshakes") && count == 5 && atoi(arguments[3]) <= 64)
        handshakes(atoi(arguments[3]), atof(arguments[4]));
    else return 2;
    return 0;
}
