<?php
// A walk through PHP: classes, closures, generators, text, files, the exit status.
interface Shape { public function area(): float; }
final class Circle implements Shape {
    public function __construct(private float $r) {}
    public function area(): float { return M_PI * $this->r ** 2; }
}
enum Suit: string { case Hearts = 'h'; case Spades = 's'; }
printf("%d.%d %s %.6f\n", PHP_MAJOR_VERSION, PHP_MINOR_VERSION, Suit::from('s')->name, (new Circle(2.5))->area());
$words = explode(' ', 'the quick brown fox jumps over the lazy dog');
$by = array_count_values(array_map('strlen', $words));
ksort($by);
echo json_encode($by), ' ', implode(',', array_unique($words)), ' ', ucwords('a b'), "\n";
function primes(int $limit): Generator {
    for ($n = 2; $n < $limit; $n++) {
        for ($d = 2; $d * $d <= $n; $d++) if ($n % $d == 0) continue 2;
        yield $n;
    }
}
echo array_sum(iterator_to_array(primes(2000), false)), ' ', intdiv(-7, 2), ' ', -7 % 3, ' ', 0.1 + 0.7, "\n";
try {
    echo intdiv(1, 0);
} catch (DivisionByZeroError $e) {
    echo get_class($e), "\n";
}
echo preg_match_all('/\b(\w)\w*\1\b/', 'stats level radar plain', $m), ' ', implode('|', $m[0]), "\n";
echo hash('crc32b', 'wasm'), ' ', sha1(''), ' ', base64_encode(pack('Nv', 0xDEADBEEF, 513)), "\n";
$make = fn(int $by) => fn(int $x) => $x * $by;
echo match (true) { $make(3)(4) === 12 => "closures", default => "broken" }, ' ', var_export(PHP_INT_MAX + 1, true), "\n";
mkdir('/made');
file_put_contents('/made/list.txt', implode("\n", range(1, 20)) . "\n");
echo filesize('/made/list.txt'), ' ', array_sum(file('/made/list.txt')), ' ', implode(' ', scandir('/made')), "\n";
exit(4);
