/** Mistakes in identities: logs, keys, who is let in, sealing. */
import type { Mistake } from "../planting.ts";

export const IDENTITY_MISTAKES: readonly Mistake[] = [
  {
    id: "next-key-without-what-follows",
    file: "identity/log-rules.ts",
    find: "return hash.sha256(concat(DOMAINS.nextKey, publicKey, following));",
    put: "return hash.sha256(concat(DOMAINS.nextKey, publicKey, following.subarray(following.length)));",
    why: "The commitment names the next key alone: who has seen it revealed can choose what follows.",
  },
  {
    id: "longest-log-wins",
    file: "identity/log-ranking.ts",
    find: "const most = Math.max(...branches.map((branch) => mostRevealed(branch, at)));\n      const ranked = branches.filter((branch) => mostRevealed(branch, at) === most);",
    put: "const most = Math.max(...branches.map((branch) => Math.max(...branch.map((each) => each.length))));\n      const ranked = branches.filter((branch) => Math.max(...branch.map((each) => each.length)) === most);",
    why: "Of two branches the longer one counts, which a thief can make as long as he likes.",
  },
  {
    id: "replaced-instance-still-served",
    file: "relay/registrar.ts",
    find: "  return retired || frozen || validUntilMs === notAfterMs;",
    put: "  return retired || frozen || validUntilMs <= notAfterMs;",
    why: "An instance under replaced keys is let in until its certificate runs out.",
  },
  {
    id: "identity-renamed-before-it-is-synced",
    file: "identity/whole-file.ts",
    find: "    await file.sync();\n",
    put: "",
    why: "The rename is taken for what makes a file durable.",
  },
  {
    id: "salt-without-the-text",
    file: "identity/sealing.ts",
    find: "  const salt = crypto.hash.sha256(concat(many?.salt() ?? random.bytes(SALT_BYTES), signature));",
    put: "  const salt = crypto.hash.sha256(many?.salt() ?? random.bytes(SALT_BYTES));",
    why: "The salt is random only: a machine that is put back to a snapshot draws it again for another text.",
  },
  {
    id: "commitment-not-compared",
    file: "identity/sealing.ts",
    find: '  if (!equalBytes(commitment, claimed)) throw new PerdureError("wrong-commitment", "the envelope is not sealed to the key it names");\n',
    put: "",
    why: "AES-GCM opens what was sealed, so the key is taken for the right one.",
  },
  {
    id: "secret-not-bound-to-the-pair",
    file: "identity/sealing-secrets.ts",
    find: "Uint8Array.of(0, SUITE_X25519_AES256GCM_MANY), from, to, inboxKeyId);",
    put: "Uint8Array.of(0, SUITE_X25519_AES256GCM_MANY), to, inboxKeyId);",
    why: "The secret of many messages names the recipient alone: it is the same whoever seems to have sent them.",
  },
  {
    id: "secret-used-for-ever",
    file: "identity/sealing-secrets.ts",
    find: "return ageMs >= 0 && ageMs < SECRET_LIFE_MS;",
    put: "return ageMs >= 0;",
    why: "One encapsulated key serves its messages however long they take.",
  },
  {
    id: "secret-used-without-counting",
    file: "identity/sealing-secrets.ts",
    find: "      entry.uses++;\n",
    put: "",
    why: "One encapsulated key serves all messages of its ten minutes.",
  },
  {
    id: "secret-remembered-unverified",
    file: "identity/sealing.ts",
    find: "  const { signature, unsigned, head, content } = readPlaintext(plaintext);",
    put: "  if (found !== undefined) opened?.keep(from, found, nowMs);\n  const { signature, unsigned, head, content } = readPlaintext(plaintext);",
    why: "A secret is remembered as soon as it opens something: whoever writes any sender into a header pushes out that sender's.",
  },
  {
    id: "pinned-log-goes-back",
    file: "agent/peers.ts",
    find: "        if (before !== undefined && isUndone({ head: kept.head, bundle: payload }, before)) return;\n",
    put: "",
    also: [
      {
        file: "agent/peers.ts",
        find: "    if (pinned !== undefined && !equalBytes(pinned.bundle, identity.bundle)) refuseRollback(pinned, identity);\n",
        put: "",
      },
      {
        file: "agent/peers.ts",
        find: "    for (const each of [pinned, other]) {",
        put: "    for (const each of [other]) {",
      },
    ],
    why: "What was shown last is pinned, whatever was pinned before.",
  },
];
