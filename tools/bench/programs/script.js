// Objects, strings, closures, maps and numbers, as scripts use them.
const words = [];
let state = 12345;
function next() {
    state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
    return state >>> 0;
}
for (let i = 0; i < 40000; i++) words.push("w" + (next() % 5000).toString(36));
const count = new Map();
for (const word of words) count.set(word, (count.get(word) || 0) + 1);
const most = [...count.entries()].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 5);
console.log(JSON.stringify(most));

class Node {
    constructor(key) { this.key = key; this.left = null; this.right = null; }
    insert(key) {
        if (key < this.key) { if (this.left) this.left.insert(key); else this.left = new Node(key); }
        else if (key > this.key) { if (this.right) this.right.insert(key); else this.right = new Node(key); }
    }
    depth() { return 1 + Math.max(this.left ? this.left.depth() : 0, this.right ? this.right.depth() : 0); }
}
const root = new Node(1 << 30);
for (let i = 0; i < 60000; i++) root.insert(next());
console.log(root.depth());

const primes = [];
outer: for (let n = 2; primes.length < 6000; n++) {
    for (const p of primes) { if (p * p > n) break; if (n % p === 0) continue outer; }
    primes.push(n);
}
console.log(primes[primes.length - 1], primes.reduce((a, b) => a + b, 0));

let text = words.slice(0, 8000).join(" ");
text = text.replace(/w([0-9a-z])([0-9a-z]*)/g, (_, a, b) => b + a).split(" ").map(w => w.toUpperCase()).join("-");
let hash = 0;
for (let i = 0; i < text.length; i++) hash = (hash * 31 + text.charCodeAt(i)) | 0;
console.log(text.length, hash);

let x = 0.5, sum = 0;
for (let i = 0; i < 600000; i++) { x = 3.9 * x * (1 - x); sum += Math.sqrt(x); }
console.log(sum.toFixed(6));
console.log(JSON.stringify(JSON.parse(JSON.stringify(words.slice(0, 4000).map((w, i) => ({ w, i }))))).length);
