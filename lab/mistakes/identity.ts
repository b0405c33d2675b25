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
