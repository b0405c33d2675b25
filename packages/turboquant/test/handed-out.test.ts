/** What is handed out belongs to whoever gets it: nothing that is written into it changes what an encoder, an index or a file says. */
import { expect, test } from "vitest";
import {
  createMemoryFile,
  createQuantizer,
  createVectorIndex,
  openIndexFile,
  openRemoteIndex,
  readIndexFile,
  type VectorIndex,
} from "../src/index.ts";
import { StoredIndex } from "../src/store/stored-index.ts";

const CENTER = Float32Array.of(1, -1, 2, -2, 0.5, 0, 3, -3);
const VECTORS = [
  [2, 1, 2, -1, 0, 0, 3, -1],
  [-1, 2, 0, 3, 1, -2, 0, 1],
];
const [QUERY] = VECTORS as [number[]];

const filled = (): VectorIndex => {
  const index = createVectorIndex({ dim: 8, center: CENTER });
  for (const [id, vector] of VECTORS.entries()) index.add(id, vector);
  return index;
};

async function written() {
  const index = filled();
  const file = createMemoryFile();
  const writer = await openIndexFile(file, index.header);
  for (const columns of index.segments()) await writer.append(columns);
  await writer.sync();
  return { index, file, writer };
}

interface HandedOut {
  readonly header: { readonly center?: Float32Array | undefined };
  readonly says: () => unknown;
}

const parts: Readonly<Record<string, () => HandedOut | Promise<HandedOut>>> = {
  quantizer: () => {
    const quantizer = createQuantizer({ dim: 8, center: CENTER });
    const code = quantizer.encode(QUERY);
    const says = () => [[...quantizer.encode(QUERY)], quantizer.query(QUERY).dot(code), quantizer.decode(code), quantizer.center];
    return { header: { center: quantizer.center }, says };
  },
  "index in memory": () => {
    const index = filled();
    const says = () => {
      index.add(2, QUERY);
      return [index.search(QUERY), index.get(1), [...index.segments()], index.header];
    };
    return { header: index.header, says };
  },
  "index that is kept": async () => {
    const { index, writer } = await written();
    const kept = new StoredIndex(index, writer as never);
    return { header: kept.header, says: () => [kept.search(QUERY), kept.get(1), kept.header] };
  },
  "index far away": async () => {
    const { file, writer } = await written();
    await writer.close();
    const remote = await openRemoteIndex(file);
    const says = async () => {
      const { hits } = await remote.find(QUERY);
      await remote.refine();
      return [hits, remote.search(QUERY).hits, remote.header];
    };
    return { header: remote.header, says };
  },
  "file that is read": async () => {
    const { file } = await written();
    const reader = await readIndexFile(file);
    return { header: reader.header, says: () => reader.header };
  },
  "file that is written": async () => {
    const { file, writer } = await written();
    const says = async () => {
      const into = createMemoryFile();
      await writer.compact(into);
      return [writer.header, (await readIndexFile(into)).header, (await readIndexFile(file)).header];
    };
    return { header: writer.header, says };
  },
};

test.each(Object.entries(parts))("nothing that is written into the centre of a %s changes what it says", async (_, make) => {
  const [one, other] = [await make(), await make()];
  (one.header.center as Float32Array).fill(100);
  expect(await one.says()).toEqual(await other.says());
});
