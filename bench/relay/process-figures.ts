/** What Linux tells of a process, its threads and its children: processor time and memory. */
import { readdirSync, readFileSync } from "node:fs";

/** `utime` and `stime` count hundredths of a second on every Linux that Node runs on. */
const TICK_MICROS = 10_000;
/** Where they stand behind the name in parentheses, which may hold anything. */
const [UTIME, STIME] = [11, 12];

/** Microseconds of processor time, user and system, since the process began. */
export function processorMicros(pid: number): number {
  let micros = 0;
  for (const each of family(pid)) {
    const stat = readFileSync(`/proc/${each}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    micros += (Number(fields[UTIME]) + Number(fields[STIME])) * TICK_MICROS;
  }
  return micros;
}

/** The same of everything on the machine, with what a hypervisor gave to others. */
export function machineMicros(): number {
  const [all = ""] = readFileSync("/proc/stat", "latin1").split("\n");
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, softInterrupts = 0, stolen = 0] = all.split(/\s+/).slice(1).map(Number);
  return (user + nice + system + interrupts + softInterrupts + stolen) * TICK_MICROS;
}

/** Memory that is resident; what the kernel keeps for sockets is not in it. */
export function residentBytes(pid: number): number {
  let bytes = 0;
  for (const each of family(pid)) {
    const said = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${each}/status`, "latin1"));
    bytes += Number(said?.[1] ?? 0) * 1024;
  }
  return bytes;
}

function family(pid: number): readonly number[] {
  const all = [pid];
  for (const each of all)
    for (const task of readdirSync(`/proc/${each}/task`))
      for (const child of readFileSync(`/proc/${each}/task/${task}/children`, "latin1").split(" "))
        if (child.trim() !== "") all.push(Number(child));
  return all;
}
