import { describe, expect, test } from "vitest";
import { utf8 } from "../../wire/bytes.ts";
import { codeOf } from "../conformance/subject.ts";
import { createNodeHash } from "../node/hash.ts";
import { createDraws } from "./draws.ts";
import { createNat, NAT_KINDS, type Nat, type NatBehaviour, type NatEndpoint, type NatKind } from "./nat.ts";
import { createWorld, type World } from "./world.ts";

const at = (host: string, port: number): NatEndpoint => ({ host, port });
const make = (kind: NatKind, other: Partial<NatBehaviour> = {}): Nat =>
  createNat("203.0.113.1", { ...NAT_KINDS[kind], ...other }, createDraws("nat"));
const inner = at("10.0.0.2", 5000);
const [oneA, oneB, two] = [at("one", 1), at("one", 2), at("two", 1)];

/** What RFC 4787 calls it, from outside: external ports for three destinations, and who may answer to the first. */
function seen(nat: Nat): { readonly ports: readonly (number | undefined)[]; readonly lets: readonly boolean[] } {
  const first = nat.outbound("udp", inner, oneA, 0)?.port;
  const lets = [oneA, oneB, two].map((from) => nat.inbound("udp", from, first ?? 0, 1) !== undefined);
  return { ports: [first, ...[oneB, two].map((to) => nat.outbound("udp", inner, to, 2)?.port)], lets };
}

describe("a translator", () => {
  test.each([
    ["full-cone", 1, [true, true, true]],
    ["address-restricted", 1, [true, true, false]],
    ["port-restricted", 1, [true, false, false]],
    ["hashed", 1, [true, false, false]],
    ["symmetric-contiguous", 3, [true, false, false]],
    ["symmetric-random", 3, [true, false, false]],
    ["carrier", 1, [true, false, false]],
    ["udp-blocked", 0, [false, false, false]],
  ] as const)("of kind %s maps to %i ports and lets in %j", (kind, ports, lets) => {
    const found = seen(make(kind));
    expect(new Set(found.ports.filter((port) => port !== undefined)).size).toBe(ports);
    expect(found.lets).toEqual(lets);
  });

  test("assigns ports as its kind says", () => {
    expect(seen(make("port-restricted")).ports[0]).toBe(inner.port);
    const [a = 0, b = 0, c = 0] = seen(make("symmetric-contiguous")).ports;
    expect([b - a, c - b]).toEqual([1, 1]);
    const hashed = [make("hashed"), make("hashed")].map((nat) => nat.outbound("udp", inner, oneA, 0)?.port);
    expect(hashed[0]).toBe(hashed[1]);
    expect(hashed[0]).not.toBe(inner.port);
  });

  test("gives two inner hosts with one port two external ones", () => {
    const nat = make("port-restricted");
    const ports = ["10.0.0.2", "10.0.0.3"].map((host) => nat.outbound("udp", at(host, 5000), oneA, 0)?.port);
    expect(new Set(ports).size).toBe(2);
    expect(ports.map((port) => nat.inbound("udp", oneA, port as number, 1)?.host)).toEqual(["10.0.0.2", "10.0.0.3"]);
  });

  test("keeps UDP and TCP apart", () => {
    const nat = make("full-cone");
    nat.outbound("udp", inner, oneA, 0);
    expect(nat.inbound("tcp", oneA, inner.port, 1)).toBeUndefined();
  });

  test.each([true, false])("forgets after its idle time; packets from outside keep a mapping: %s", (inboundRefreshes) => {
    const nat = make("full-cone", { idleMs: { udp: 1000, tcp: 1000 }, inboundRefreshes });
    nat.outbound("udp", inner, oneA, 0);
    expect(nat.inbound("udp", two, inner.port, 900)).toEqual(inner);
    expect(nat.inbound("udp", two, inner.port, 1500) !== undefined).toBe(inboundRefreshes);
    expect(nat.mappings(1500)).toBe(inboundRefreshes ? 1 : 0);
  });

  test("of a carrier forgets at an age, whatever passes, and a restart forgets at once", () => {
    const nat = make("carrier");
    const port = nat.outbound("udp", inner, oneA, 0)?.port as number;
    for (let nowMs = 10_000; nowMs <= 70_000; nowMs += 10_000) expect(nat.outbound("udp", inner, oneA, nowMs)?.port).toBe(port);
    expect(nat.inbound("udp", oneA, port, 76_000)).toBeUndefined();
    expect(nat.outbound("udp", inner, oneA, 77_000)?.port).not.toBe(port);
    nat.restart();
    expect(nat.mappings(77_000)).toBe(0);
  });

  test("lets nobody out when its ports are taken", () => {
    const nat = make("symmetric-random", { portCount: 3 });
    const ports = [1, 2, 3, 4].map((port) => nat.outbound("udp", inner, at("one", port), 0)?.port);
    expect(ports.filter((port) => port !== undefined)).toHaveLength(3);
  });

  test("that takes an early packet for its own gives another port to who answers it, and to nobody else", () => {
    const port = (kind: NatKind): number | undefined => {
      const nat = make(kind);
      nat.inbound("udp", two, inner.port, 0);
      expect(nat.outbound("udp", inner, oneA, 1)?.port).toBe(inner.port);
      return nat.outbound("udp", inner, two, 2)?.port;
    };
    expect(port("port-restricted")).toBe(inner.port);
    expect(port("poisoned")).not.toBe(inner.port);
  });
});

describe("datagrams", () => {
  const pass = (world: World, ms: number): Promise<unknown> => world.run({ untilMs: world.nowMs + ms });
  interface Talker {
    readonly heard: string[];
    readonly seenAs: NatEndpoint[];
    readonly send: (to: NatEndpoint, text: string) => void;
  }
  const talker = (world: World, name: string): Talker => {
    const heard: string[] = [];
    const seenAs: NatEndpoint[] = [];
    const socket = world.datagrams(name, 7000, (bytes, from) => {
      heard.push(new TextDecoder().decode(bytes));
      seenAs.push(from);
    });
    return { heard, seenAs, send: (to, text) => socket.send(to, utf8(text)) };
  };
  /** Two hosts behind two translators, a meeting point in between; each writes to where the other is seen there, and where it hears it from. */
  const punch = async (kindA: NatKind, kindB: NatKind): Promise<boolean> => {
    const world = createWorld({ seed: 1, hash: createNodeHash() });
    const [a, b, meet] = ["a", "b", "meet"].map((name) => talker(world, name)) as [Talker, Talker, Talker];
    world.network.realms.put("a", createNat("nat-a", NAT_KINDS[kindA], world.draws("a")));
    world.network.realms.put("b", createNat("nat-b", NAT_KINDS[kindB], world.draws("b")));
    a.send(at("meet", 7000), "here");
    b.send(at("meet", 7000), "here");
    await pass(world, 100);
    const [seenA, seenB] = ["nat-a", "nat-b"].map((nat) => meet.seenAs.find(({ host }) => host === nat));
    if (seenA === undefined || seenB === undefined) return false;
    for (let round = 0; round < 3; round++) {
      a.send(a.seenAs.at(-1) ?? seenB, "a");
      await pass(world, 20);
      b.send(b.seenAs.at(-1) ?? seenA, "b");
      await pass(world, 20);
    }
    return a.heard.length > 0 && b.heard.length > 0;
  };

  test.each([
    ["full-cone", "symmetric-random", true],
    ["port-restricted", "port-restricted", true],
    ["address-restricted", "symmetric-random", true],
    ["port-restricted", "symmetric-random", false],
    ["symmetric-random", "symmetric-random", false],
    ["port-restricted", "poisoned", false],
    ["udp-blocked", "full-cone", false],
  ] as const)("between %s and %s meet by way of a third: %s", async (a, b, meets) => {
    expect(await punch(a, b)).toBe(meets);
  });

  test("between two hosts behind one translator go straight, and by its own address only where it sends them back in", async () => {
    for (const hairpin of [true, false]) {
      const world = createWorld({ seed: 1, hash: createNodeHash() });
      const nat = createNat("nat", { ...NAT_KINDS["full-cone"], hairpin }, world.draws("nat"));
      const [a, b, meet] = ["a", "b", "meet"].map((name) => talker(world, name)) as [Talker, Talker, Talker];
      for (const name of ["a", "b"]) world.network.realms.put(name, nat);
      a.send(at("b", 7000), "straight");
      b.send(at("meet", 7000), "here");
      await pass(world, 100);
      a.send(meet.seenAs[0] as NatEndpoint, "by its address");
      await pass(world, 100);
      expect(b.heard).toEqual(hairpin ? ["straight", "by its address"] : ["straight"]);
      expect(b.seenAs.map(({ host }) => host)).toEqual(hairpin ? ["a", "nat"] : ["a"]);
    }
  });

  test("through two translators in a row are seen as of the outer one, and answers find the way back", async () => {
    const world = createWorld({ seed: 1, hash: createNodeHash() });
    const [home, carrier] = [
      createNat("home", NAT_KINDS["port-restricted"], world.draws("h")),
      createNat("carrier", NAT_KINDS.carrier, world.draws("c")),
    ];
    const [a, meet] = ["a", "meet"].map((name) => talker(world, name)) as [Talker, Talker];
    world.network.realms.put("a", home);
    world.network.realms.chain(home, carrier);
    a.send(at("meet", 7000), "here");
    await pass(world, 100);
    expect(meet.seenAs[0]?.host).toBe("carrier");
    meet.send(meet.seenAs[0] as NatEndpoint, "there");
    await pass(world, 100);
    expect(a.heard).toEqual(["there"]);
  });
});

describe("connections through a translator", () => {
  const options = { timeoutMs: 500, maxMessageBytes: 100 };

  test("come from its address, go out and not in, and are lost with its memory", async () => {
    const world = createWorld({ seed: 1, hash: createNodeHash() });
    const nat = createNat("nat", { ...NAT_KINDS["port-restricted"], idleMs: { udp: 0, tcp: 10_000 }, resets: true }, world.draws("nat"));
    world.network.realms.put("a", nat);
    const remotes: string[] = [];
    const listen = async (name: string): Promise<void> => {
      const onConnection = ({ remote }: { readonly remote: string }): void => void remotes.push(remote);
      await world.complete(world.host(name).net.listen(`ws://${name}:80`, { maxMessageBytes: 100, onConnection }));
    };
    await listen("a");
    await listen("b");
    const closed: string[] = [];
    const connection = await world.complete(world.host("a").net.dial("ws://b:80", options));
    connection.start({ message: () => {}, drained: () => {}, closed: (why) => closed.push(why) });
    expect(remotes[0]).toMatch(/^nat:\d+$/);
    expect(await world.complete(codeOf(world.host("b").net.dial("ws://a:80", options)))).toBe("timed-out");
    await world.run({ untilMs: world.nowMs + 9000 });
    connection.send(Uint8Array.of(1));
    await world.run({ untilMs: world.nowMs + 9000 });
    expect(closed).toEqual([]);
    expect(world.network.restart(nat)).toBe(1);
    connection.send(Uint8Array.of(1));
    await world.run({ untilMs: world.nowMs + 1000 });
    expect(closed).toEqual(["connection reset"]);
  });
});
