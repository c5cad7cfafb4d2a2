<?php
// Arrays, strings, classes, regular expressions and JSON, as scripts use them.
$state = 12345;
function draw(): int {
    global $state;
    $state ^= $state << 13 & 0x3FFFFFFF;
    $state ^= $state >> 17;
    $state ^= $state << 5 & 0x3FFFFFFF;
    return $state;
}
$words = [];
for ($i = 0; $i < 100000; $i++) $words[] = 'w' . dechex(draw() % 5000);
$count = array_count_values($words);
uksort($count, fn($a, $b) => $count[$b] <=> $count[$a] ?: strcmp($a, $b));
echo json_encode(array_slice($count, 0, 5)), "\n";

class Node {
    public ?Node $left = null, $right = null;
    public function __construct(public int $key) {}
    public function insert(int $key): void {
        if ($key < $this->key) {
            if ($this->left) $this->left->insert($key); else $this->left = new Node($key);
        } elseif ($key > $this->key) {
            if ($this->right) $this->right->insert($key); else $this->right = new Node($key);
        }
    }
    public function depth(): int {
        return 1 + max($this->left?->depth() ?? 0, $this->right?->depth() ?? 0);
    }
}
$root = new Node(1 << 29);
for ($i = 0; $i < 40000; $i++) $root->insert(draw());
echo $root->depth(), "\n";

$primes = [];
for ($n = 2; count($primes) < 4000; $n++) {
    foreach ($primes as $p) {
        if ($p * $p > $n) break;
        if ($n % $p == 0) continue 2;
    }
    $primes[] = $n;
}
echo end($primes), ' ', array_sum($primes), "\n";

$text = implode(' ', array_slice($words, 0, 30000));
$text = preg_replace_callback('/w([0-9a-f])([0-9a-f]*)/', fn($m) => $m[2] . $m[1], $text);
$text = str_replace(' ', '-', strtoupper($text));
$digest = 0;
for ($i = 0; $i < strlen($text); $i++) $digest = ($digest * 31 + ord($text[$i])) & 0x3FFFFFFF;
echo strlen($text), ' ', $digest, ' ', sha1($text), "\n";

[$x, $total] = [0.5, 0.0];
for ($i = 0; $i < 500000; $i++) {
    $x = 3.9 * $x * (1 - $x);
    $total += sqrt($x);
}
printf("%.6f\n", $total);
$pairs = array_map(fn($w, $i) => ['w' => $w, 'i' => $i], array_slice($words, 0, 20000), range(1, 20000));
echo strlen(json_encode(json_decode(json_encode($pairs), true))), "\n";
