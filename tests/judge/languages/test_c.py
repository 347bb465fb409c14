"""C: how pointers cross, by their names."""

from __future__ import annotations

import pytest

from sparkgap import CodeTests, Judge, Program

CASES = {
    "an array and its length": (
        "int sum(const int *xs, int n);",
        "int xs[] = {1, 2, 3};\nassert(sum(xs, 3) == 6);\nassert(sum(xs, 0) == 0);",
        "int sum(const int *xs, int n) { int s = 0; for (int i = 0; i < n; i++) s += xs[i]; return s; }",
        "int sum(const int *xs, int n) { return n; }",
    ),
    "an array changed in place": (
        "void sort(double *xs, int n);",
        "double xs[] = {3, 1, 2};\nsort(xs, 3);\nassert(xs[0] == 1 && xs[1] == 2 && xs[2] == 3);",
        "void sort(double *xs, int n) { for (int i = 0; i < n; i++) for (int k = i + 1; k < n; k++) if (xs[k] < xs[i])"
        " { double x = xs[i]; xs[i] = xs[k]; xs[k] = x; } }",
        "void sort(double *xs, int n) { }",
    ),
    "a text": (
        "int vowels(const char *text);",
        'assert(vowels("education") == 5);\nassert(vowels("") == 0);',
        "#include <string.h>\nint vowels(const char *t) { int n = 0; for (; *t; t++) if (strchr(\"aeiou\", *t)) n++;"
        " return n; }",
        "int vowels(const char *text) { return 5; }",
    ),
    "a text that is returned": (
        "char *twice(const char *text);",
        '#include <string.h>\nint main(void) { assert(strcmp(twice("ab"), "abab") == 0); }',
        "#include <stdlib.h>\n#include <string.h>\nchar *twice(const char *t) { char *r = malloc(2 * strlen(t) + 1);"
        " strcpy(r, t); strcat(r, t); return r; }",
        "char *twice(const char *text) { return 0; }",
    ),
    "a text changed in place": (
        "void upper(char *text);",
        '#include <string.h>\nint main(void) { char t[] = "abc"; upper(t); assert(strcmp(t, "ABC") == 0); }',
        "#include <ctype.h>\nvoid upper(char *t) { for (; *t; t++) *t = toupper(*t); }",
        "void upper(char *t) { t[0] = 'A'; for (int i = 1; i < 4000; i++) t[i] = 'x'; t[4000] = 0; }",
    ),
    "an array that is returned": (
        "int *evens(int *xs, int n, int *returnSize);",
        "int xs[] = {1, 2, 4};\nint size;\nint *found = evens(xs, 3, &size);\n"
        "assert(size == 2);\nassert(found[1] == 4);",
        "#include <stdlib.h>\nint *evens(int *xs, int n, int *size) { int *r = malloc(n * sizeof *r); *size = 0;"
        " for (int i = 0; i < n; i++) if (xs[i] % 2 == 0) r[(*size)++] = xs[i]; return r; }",
        "int *evens(int *xs, int n, int *size) { *size = -1; return 0; }",
    ),
    "one value": (
        "void swap(int *a, int *b);",
        "int a = 1, b = 2;\nswap(&a, &b);\nassert(a == 2 && b == 1);",
        "void swap(int *a, int *b) { int x = *a; *a = *b; *b = x; }",
        "void swap(int *a, int *b) { *a = *b; }",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_pointers_cross(judge: Judge, installed, case: str) -> None:
    installed("c")
    prelude, code, right, wrong = CASES[case]
    tests = CodeTests(code, prelude)
    verdict = judge.run(Program(right, tests, "c"))
    assert verdict.passed, verdict
    assert judge.run(Program(wrong, tests, "c")).status == "wrong"


@pytest.mark.parametrize(
    "prelude",
    [
        "int f(int **xs);",
        "struct S { int a; }; int f(struct S s);",
        "int *f(int n);",
        "int f(int (*g)(int));",
        "int x;",
    ],
)
def test_what_cannot_cross_is_told(judge: Judge, installed, prelude: str) -> None:
    installed("c")
    verdict = judge.run(Program("int f(int n) { return n; }", CodeTests("assert(1);", prelude), "c"))
    assert verdict.status == "infra"
    assert "cross" in verdict.reason or "declares no" in verdict.reason or "tells the length" in verdict.reason
