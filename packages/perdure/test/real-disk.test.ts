/** A disk that is really full and one that is really read-only, in a mount namespace of the test's own. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const COMMAND = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
const SLOW_MS = 120_000;
const MAY_MOUNT = spawnSync("unshare", ["-m", "sh", "-c", "mount -t tmpfs -o size=1m tmpfs /mnt"]).status === 0;
const WHY_NOT = "this system does not let the test mount a small disk of its own (unshare -m, mount -t tmpfs)";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "perdure-real-disk-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/**
 * Runs a shell script with a disk of 3 MiB at `$DISK` and a relay at `$ADDRESS`. `$P` is the command, `fill` takes the last byte of that
 * disk and `drain` gives it back, `status URL` prints an HTTP status.
 */
function onSmallDisk(script: string, relayFolder: string): string {
  const whole = `
    set -eu
    mkdir -p "$FOLDER/disk"
    mount -t tmpfs -o size=3m tmpfs "$FOLDER/disk"
    DISK="$FOLDER/disk"
    fill() { dd if=/dev/zero of="$DISK/filler" bs=4k 2>/dev/null || true; }
    drain() { rm -f "$DISK/filler"; }
    status() { "$NODE" --eval 'fetch(process.argv[1]).then(({ status }) => console.log(status))' "$1"; }
    $P relay --folder "${relayFolder}" --listen 127.0.0.1:0 > "$FOLDER/address" 2> "$FOLDER/relay.err" & relay=$!
    trap 'kill $relay; wait $relay || true' EXIT
    for i in $(seq 100); do [ -s "$FOLDER/address" ] && break; sleep 0.1; done
    ADDRESS=$(head -n 1 "$FOLDER/address")
    ${script}
  `;
  const env = { ...process.env, FOLDER: folder, NODE: process.execPath, P: `${process.execPath} ${COMMAND}`, NO_COLOR: "1" };
  return execFileSync("unshare", ["-m", "bash", "-c", whole], { env, encoding: "utf8", timeout: SLOW_MS });
}

test("an agent on a full disk says so, keeps what it has, and goes on when there is room", { timeout: SLOW_MS }, ({ skip }) => {
  skip(!MAY_MOUNT, WHY_NOT);
  const said = onSmallDisk(
    `
    $P init --at "$FOLDER/desk" --relay "$ADDRESS" --name desk --strangers welcome --custody together >/dev/null
    $P init --at "$DISK/anna" --relay "$ADDRESS" --name anna --strangers welcome --custody together >/dev/null
    first=$($P send @desk before --at "$DISK/anna" --until stored)
    fill
    code=0; $P send @desk during --at "$DISK/anna" 2>&1 || code=$?; echo "exit $code"
    drain
    $P send @desk after --at "$DISK/anna" --until stored >/dev/null
    $P trace "$first" --at "$DISK/anna" >/dev/null && echo "the first one is still known"
    $P inbox --at "$FOLDER/desk" --json
  `,
    "$FOLDER/post",
  );
  expect(said).toContain("disk-full");
  expect(said).toContain("exit 4");
  expect(said).toContain("the first one is still known");
  expect(said).not.toContain("internal");
  expect(said.match(/"sizeBytes":\s*6\b/)).not.toBeNull();
  expect(said.match(/"sizeBytes":\s*5\b/)).not.toBeNull();
});

test("a read-only disk is called that", { timeout: SLOW_MS }, ({ skip }) => {
  skip(!MAY_MOUNT, WHY_NOT);
  const said = onSmallDisk(
    `
    $P init --at "$DISK/anna" --relay "$ADDRESS" --name anna --strangers welcome --custody together >/dev/null
    mount -o remount,ro "$DISK"
    code=0; $P send @anna note --at "$DISK/anna" 2>&1 || code=$?; echo "exit $code"
    mount -o remount,rw "$DISK"
    $P send @anna note --at "$DISK/anna" --until stored >/dev/null && echo "sent after all"
  `,
    "$FOLDER/post",
  );
  expect(said).toContain("read-only");
  expect(said).toContain("exit 9");
  expect(said).toContain("sent after all");
});

test("a relay on a full disk says so, loses nothing, and takes mail when there is room", { timeout: SLOW_MS }, ({ skip }) => {
  skip(!MAY_MOUNT, WHY_NOT);
  const said = onSmallDisk(
    `
    $P init --at "$FOLDER/desk" --relay "$ADDRESS" --name desk --strangers welcome --custody together >/dev/null
    $P init --at "$FOLDER/anna" --relay "$ADDRESS" --name anna --strangers welcome --custody together >/dev/null
    $P send @desk before --at "$FOLDER/anna" --until stored >/dev/null
    fill
    code=0; head -c 300000 /dev/urandom | $P send @desk - --at "$FOLDER/anna" --until stored --timeout 5s 2>&1 || code=$?; echo "exit $code"
    health="http://$(echo "$ADDRESS" | sed 's,^ws://,,; s,/.*,,')/healthz"
    echo "health $(status "$health")"
    drain
    for i in $(seq 40); do [ "$(status "$health")" = 200 ] && break; sleep 0.5; done
    $P send @desk after --at "$FOLDER/anna" --until stored --timeout 30s >/dev/null
    $P inbox --at "$FOLDER/desk" --json
  `,
    "$DISK/post",
  );
  expect(said).toContain("exit 4");
  expect(said).toContain("health 503");
  for (const size of [6, 5, 300_000]) expect(said.match(new RegExp(`"sizeBytes":\\s*${size}\\b`)), String(size)).not.toBeNull();
});
