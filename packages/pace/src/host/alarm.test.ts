import { expect, it } from "vitest";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { createAlarm } from "./alarm.ts";

it("an alarm wakes once, at the earliest moment that was asked for, and not when it was forgotten", () => {
  const time = createVirtualTime();
  const woken: number[] = [];
  const alarm = createAlarm(time, () => woken.push(time.now()));
  for (const atMs of [500, 300, 400]) alarm.by(atMs);
  time.run(1000);
  expect(woken).toEqual([300]);
  alarm.by(2000);
  alarm.forget();
  alarm.by(3000);
  time.run(5000);
  expect(woken).toEqual([300, 3000]);
});
