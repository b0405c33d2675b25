/**
 * Vectors out of files that other programs wrote, batch by batch: a file may be far larger than memory. What stands in a file is believed by
 * nobody: each number, row and length is checked before it is handed on, and what is wrong is told with its place, rows and columns counted from 1.
 */

export interface VectorBatch {
  /** Place in the file of the first row, from 0 on. */
  readonly first: number;
  readonly count: number;
  /** `count * dim` finite numbers. */
  readonly values: Float32Array;
  /** One for each row, where the file has them. */
  readonly ids?: readonly (string | number)[];
  /** Of the file, when this batch was complete. */
  readonly bytesRead: number;
}

export interface VectorFile {
  /** What the file was taken for, for people: "npy, float32", "csv with a header, ids from column 1". */
  readonly says: string;
  readonly dim: number;
  /** Absent where only the end of the file tells. */
  readonly count?: number;
  /** Bytes of one vector as it stands in the file; absent where they differ. */
  readonly rowBytes?: number;
  readonly hasIds: boolean;
  /** From the first row on, each time it is called. Throws `bad-input`. */
  batches(): AsyncGenerator<VectorBatch>;
}

/** What the name of a file may end in. The last three are tables; what separates their cells is found out, in a .tsv file only where no tab does. */
export const VECTOR_FORMATS = ["npy", "f32", "fvecs", "csv", "tsv", "txt"] as const;
export type VectorFormat = (typeof VECTOR_FORMATS)[number];

export interface ReadingOptions {
  /** What the name's ending says, unless said. */
  readonly format?: VectorFormat;
  /** Only raw numbers need it; elsewhere it has to be what the file says. */
  readonly dim?: number;
  /** Of a table: a name in its header, or a place from 1 on. */
  readonly idColumn?: string;
  /** Of a table with an array in each cell of a column. */
  readonly vectorColumn?: string;
  /** Of a table with a column for each coordinate: "3-386", or names and places with commas between them. */
  readonly columns?: string;
}
