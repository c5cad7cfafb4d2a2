// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A JSON document of about 160 KB, written once and then parsed n times into a tree that is walked: a recursive
// descent, character classes, pointers, many small records.

#include "kernel.h"

#define TEXT_LEN (512 * 1024)
#define NODES 65536
#define STRINGS_LEN (256 * 1024)
#define RECORDS 1000

enum kind { NULL_VALUE, BOOLEAN, NUMBER, STRING, ARRAY, OBJECT };

struct node {
    enum kind kind;
    uint32_t len;          // characters of a string, members of an array or object
    const char *key;       // of a member, else null
    uint32_t key_len;
    struct node *next;     // the following member
    union {
        uint32_t boolean;
        double number;
        const char *string;
        struct node *first;
    } value;
};

static char text[TEXT_LEN];
static struct node nodes[NODES];
static char strings[STRINGS_LEN];

// --- writing the document

static char *out;

static void write(const char *s) {
    while (*s)
        *out++ = *s++;
}

static void write_number(uint32_t value) {
    char digits[10];
    int count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (count > 0)
        *out++ = digits[--count];
}

static void write_word(uint32_t *random) {
    uint32_t len = 3 + next_random(random) % 9;
    for (uint32_t i = 0; i < len; i++) {
        uint32_t pick = next_random(random) % 64;
        if (pick == 0)
            write("\\n");
        else if (pick == 1)
            write("\\u00e9");
        else
            *out++ = (char)('a' + pick % 26);
    }
}

static void write_record(uint32_t id, uint32_t *random) {
    write("{\"id\": ");
    write_number(id);
    write(", \"name\": \"");
    write_word(random);
    write("\",\n  \"balance\": -");
    write_number(next_random(random) % 100000);
    write(".");
    write_number(10 + next_random(random) % 90);
    write("e2, \"active\": ");
    write(next_random(random) & 1 ? "true" : "false");
    write(", \"tags\": [");
    for (uint32_t i = 0, count = next_random(random) % 5; i < count; i++) {
        write(i ? ", \"" : "\"");
        write_word(random);
        write("\"");
    }
    write("],\n  \"place\": {\"x\": 0.");
    write_number(next_random(random) % 1000000);
    write(", \"y\": ");
    write_number(next_random(random) % 360);
    write(", \"note\": null}}");
}

static void write_document(void) {
    uint32_t random = 2463534242u;
    out = text;
    write("[\n");
    for (uint32_t i = 0; i < RECORDS; i++) {
        if (i)
            write(",\n");
        write_record(i, &random);
    }
    write("\n]\n");
    *out = 0;
}

// --- parsing it

struct parser {
    const char *at;
    struct node *free_node;
    char *free_string;
    uint32_t failed;
};

static struct node *parse_value(struct parser *p);

static void skip_space(struct parser *p) {
    while (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r')
        p->at++;
}

static void expect(struct parser *p, char c) {
    if (*p->at == c)
        p->at++;
    else
        p->failed = 1;
}

static uint32_t hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (uint32_t)(c - 'a' + 10);
    return (uint32_t)(c - 'A' + 10);
}

// Of the code points, those below 0x800 are all that the document has.
static void parse_unicode_escape(struct parser *p) {
    uint32_t code = 0;
    for (int i = 0; i < 4; i++)
        code = code << 4 | hex_digit(*p->at++);
    if (code < 0x80) {
        *p->free_string++ = (char)code;
    } else {
        *p->free_string++ = (char)(0xc0 | code >> 6);
        *p->free_string++ = (char)(0x80 | (code & 63));
    }
}

static void parse_escape(struct parser *p) {
    char c = *p->at++;
    switch (c) {
    case 'n': *p->free_string++ = '\n'; break;
    case 't': *p->free_string++ = '\t'; break;
    case 'r': *p->free_string++ = '\r'; break;
    case 'b': *p->free_string++ = '\b'; break;
    case 'f': *p->free_string++ = '\f'; break;
    case 'u': parse_unicode_escape(p); break;
    default: *p->free_string++ = c;
    }
}

static const char *parse_string(struct parser *p, uint32_t *len) {
    const char *start = p->free_string;
    expect(p, '"');
    while (*p->at != '"' && *p->at != 0) {
        if (*p->at == '\\') {
            p->at++;
            parse_escape(p);
        } else {
            *p->free_string++ = *p->at++;
        }
    }
    expect(p, '"');
    *len = (uint32_t)(p->free_string - start);
    return start;
}

static uint32_t is_digit(char c) {
    return c >= '0' && c <= '9';
}

static double parse_number(struct parser *p) {
    uint32_t negative = *p->at == '-';
    p->at += negative;
    double value = 0;
    while (is_digit(*p->at))
        value = value * 10 + (*p->at++ - '0');
    if (*p->at == '.') {
        double unit = 1;
        for (p->at++; is_digit(*p->at); p->at++) {
            value = value * 10 + (*p->at - '0');
            unit *= 10;
        }
        value /= unit;
    }
    if (*p->at == 'e' || *p->at == 'E') {
        p->at++;
        uint32_t below_one = *p->at == '-';
        p->at += below_one || *p->at == '+';
        uint32_t exponent = 0;
        while (is_digit(*p->at))
            exponent = exponent * 10 + (uint32_t)(*p->at++ - '0');
        for (; exponent > 0; exponent--)
            value = below_one ? value / 10 : value * 10;
    }
    return negative ? -value : value;
}

static uint32_t parse_word(struct parser *p, const char *word) {
    for (; *word; word++)
        expect(p, *word);
    return 1;
}

static void parse_members(struct parser *p, struct node *parent, char end, uint32_t with_keys) {
    struct node **link = &parent->value.first;
    p->at++;
    for (skip_space(p); *p->at != end && !p->failed; skip_space(p)) {
        const char *key = 0;
        uint32_t key_len = 0;
        if (parent->len > 0) {
            expect(p, ',');
            skip_space(p);
        }
        if (with_keys) {
            key = parse_string(p, &key_len);
            skip_space(p);
            expect(p, ':');
        }
        struct node *member = parse_value(p);
        member->key = key;
        member->key_len = key_len;
        *link = member;
        link = &member->next;
        parent->len++;
    }
    expect(p, end);
    *link = 0;
}

static struct node *parse_value(struct parser *p) {
    struct node *node = p->free_node++;
    node->len = 0;
    node->key = 0;
    node->key_len = 0;
    node->next = 0;
    skip_space(p);
    switch (*p->at) {
    case '{':
        node->kind = OBJECT;
        parse_members(p, node, '}', 1);
        break;
    case '[':
        node->kind = ARRAY;
        parse_members(p, node, ']', 0);
        break;
    case '"':
        node->kind = STRING;
        node->value.string = parse_string(p, &node->len);
        break;
    case 't':
        node->kind = BOOLEAN;
        node->value.boolean = parse_word(p, "true");
        break;
    case 'f':
        node->kind = BOOLEAN;
        node->value.boolean = !parse_word(p, "false");
        break;
    case 'n':
        node->kind = NULL_VALUE;
        parse_word(p, "null");
        break;
    default:
        node->kind = NUMBER;
        node->value.number = parse_number(p);
    }
    return node;
}

// --- looking at the result

static uint32_t hash_string(uint32_t hash, const char *s, uint32_t len) {
    for (uint32_t i = 0; i < len; i++)
        hash = hash * 31 + (uint8_t)s[i];
    return mix(hash, len);
}

static uint32_t hash_value(uint32_t hash, const struct node *node) {
    hash = mix(hash_string(hash, node->key, node->key_len), node->kind);
    switch (node->kind) {
    case BOOLEAN: return mix(hash, node->value.boolean);
    case NUMBER: return mix_double(hash, node->value.number);
    case STRING: return hash_string(hash, node->value.string, node->len);
    case ARRAY:
    case OBJECT:
        for (const struct node *member = node->value.first; member; member = member->next)
            hash = hash_value(hash, member);
        return hash;
    default: return hash;
    }
}

KERNEL uint32_t run(uint32_t n) {
    write_document();
    uint32_t hash = n;
    for (uint32_t i = 0; i < n; i++) {
        // One character changes from turn to turn: no turn can be taken from the former one.
        text[8] = (char)('0' + i % 10);
        struct parser parser = {text, nodes, strings, 0};
        hash = hash_value(hash, parse_value(&parser));
        hash = mix(hash, parser.failed);
    }
    return hash;
}
