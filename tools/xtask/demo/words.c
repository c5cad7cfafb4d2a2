/* Word statistics of the text on standard input: how many words, how many different ones, and the
 * most frequent. `words --wild` makes one wrong access on purpose, three calls deep. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_LEN 4096 /* a power of two */
#define WORD_LEN 32

struct entry {
    char word[WORD_LEN];
    unsigned count;
};

static struct entry table[TABLE_LEN];
static unsigned words, different;

/* FNV-1a. */
static unsigned hash(const char *word) {
    unsigned h = 2166136261u;
    while (*word) h = (h ^ (unsigned char)*word++) * 16777619u;
    return h;
}

static void count(const char *word) {
    unsigned i = hash(word) & (TABLE_LEN - 1);
    while (table[i].count && strcmp(table[i].word, word) != 0) i = (i + 1) & (TABLE_LEN - 1);
    if (table[i].count == 0) {
        if (different == TABLE_LEN / 2) return; /* the table stays half empty */
        strcpy(table[i].word, word);
        different++;
    }
    table[i].count++;
    words++;
}

static void read_words(FILE *in) {
    char word[WORD_LEN];
    size_t len = 0;
    int c;
    do {
        c = getc(in);
        if (c != EOF && isalpha(c)) {
            if (len < WORD_LEN - 1) word[len++] = (char)tolower(c);
        } else if (len > 0) {
            word[len] = 0;
            count(word);
            len = 0;
        }
    } while (c != EOF);
}

static int by_count(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    return strcmp(x->word, y->word);
}

static void print_top(unsigned n) {
    qsort(table, TABLE_LEN, sizeof table[0], by_count);
    printf("%u words, %u different\n", words, different);
    for (unsigned i = 0; i < n && i < different; i++)
        printf("%6u  %5.1f %%  %s\n", table[i].count, 100.0 * table[i].count / words, table[i].word);
}

/* Three calls to an address that no memory of this program has. */
__attribute__((noinline)) static void forget(struct entry *entry) { *(volatile unsigned *)&entry->count = 0; }
__attribute__((noinline)) static void forget_word(unsigned index) { forget(table + index); }
__attribute__((noinline)) static void forget_all(unsigned first) { forget_word(first + 1); }

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--wild") == 0) {
        forget_all(100u * 1000 * 1000);
        puts("never printed");
        return 1;
    }
    read_words(stdin);
    print_top(8);
    return 0;
}
