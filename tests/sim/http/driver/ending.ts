/** The end of a seed: all come to rest, and hold what the service has. */
import { apply } from "../../../../web/src/sync/apply";
import type { View } from "../../../../web/src/sync/state";
import type { Change, Id, WholeList } from "../../../../web/src/sync/types";
import { canonical, need } from "./record";
import type { Person, Simulation } from "./simulation";
import type { Reply } from "./wire";

const TURNS_MAX = 300;
/** What another process may be behind, and what a commit takes on a busy machine. */
const BEHIND_MS = 1_500;

interface Page<Row> {
  data: Row[];
  next_cursor: string | null;
}
interface Listed {
  id: Id;
  role: string;
  revision: number;
}

export async function settleAll(simulation: Simulation): Promise<void> {
  const { devices, record, settings } = simulation;
  for (const call of simulation.caller.all) await settleCall(simulation, call);
  for (let turn = 0; turn < 2; turn++) {
    for (const device of devices) {
      let n = 0;
      while (!device.client.isSettled || n === 0) {
        need(n++ < TURNS_MAX, "a client does not come to rest", device.person.id);
        const message = simulation.messageOfSync(device, device.client.request());
        message.take(await message.send());
      }
    }
  }
  if (settings.hasRetention) await simulation.harness.ask({ do: "calm" });
  const cuts = new Map<Id, number>();
  for (const person of settings.people) {
    const seen = await listsOf(simulation, person);
    for (const device of devices.filter((each) => each.person === person)) {
      const { client } = device;
      need(
        canonical(client.lists) === canonical(seen.map(({ id }) => id).sort()),
        "sees",
        client.lists,
      );
      need(client.pending.length === 0, "still pending", client.pending);
    }
    for (const { id, role } of seen) {
      if (role === "owner") simulation.ownedLists[id] = person.id;
      const whole = await wholeOf(simulation, person, id);
      const wanted = canonical(shownBy(whole));
      for (const device of devices.filter((each) => each.person === person)) {
        for (const view of [device.client.confirmed(id), device.client.view(id)]) {
          need(canonical(view) === wanted, "a client holds", view, "served is", shownBy(whole));
        }
        record.count("views that agree");
      }
      if (role === "owner") cuts.set(id, await replayed(simulation, person, whole));
    }
  }
  record.checkAcknowledged(cuts);
  simulation.caller.check(cuts);
  record.checkSight(BEHIND_MS);
}

/** Until it is answered. */
async function settleCall(
  simulation: Simulation,
  call: Simulation["caller"]["all"][number],
): Promise<void> {
  for (let n = 0; !call.isOver; n++) {
    need(n < TURNS_MAX, "a call is not answered", call);
    await simulation.messageOf(call).send();
  }
}

/** Asked until there is an answer that is no 503. */
async function get(
  simulation: Simulation,
  person: Person,
  path: string,
  process?: number,
  least = 0,
): Promise<Reply> {
  const headers: Record<string, string> = least ? { "Min-Revision": String(least) } : {};
  for (let n = 0; ; n++) {
    const at = process ?? simulation.process();
    const reply = await simulation.send(person, at, "GET", path, headers);
    if (reply && reply.status !== 503) return reply;
    need(n < TURNS_MAX, "no answer to", path, reply?.text);
  }
}

async function listsOf(simulation: Simulation, person: Person): Promise<Listed[]> {
  const all: Listed[] = [];
  for (const state of ["active", "archived", "trashed"]) {
    let cursor: string | null = "";
    while (cursor !== null) {
      const path: string = `/v1/lists?state=${state}&limit=200${cursor && `&cursor=${cursor}`}`;
      const reply = await get(simulation, person, path);
      need(reply.status === 200, "lists of", state, reply.text);
      const page = reply.json as Page<Listed>;
      all.push(...page.data);
      cursor = page.next_cursor;
    }
  }
  return all;
}

/** The list, which all processes must show alike. */
async function wholeOf(simulation: Simulation, person: Person, id: Id): Promise<WholeList> {
  const { ports } = simulation.settings;
  const newest = Math.max(...(simulation.record.changes.get(id)?.keys() ?? [0]));
  const first = await get(simulation, person, `/v1/lists/${id}`, 0, newest);
  need(first.status === 200, "list", id, first.text);
  const whole = first.json as WholeList;
  simulation.record.takeWhole(person.id, whole, first);
  for (let process = 1; process < ports.length; process++) {
    const other = await get(simulation, person, `/v1/lists/${id}`, process, whole.revision);
    need(other.text === first.text, "processes show", id, "differently", first.text, other.text);
  }
  return whole;
}

/** As a client holds it. */
function shownBy(whole: WholeList): View {
  const { revision, updated_at, title, archived, created_at, deleted_at, members, items } = whole;
  const list = { title, archived, created_at, deleted_at };
  const byId = [...members].sort((a, b) => (a.user_id < b.user_id ? -1 : 1));
  return { revision, updated_at, list, members: byId, items };
}

/** The whole log on top of nothing, or of what there was where the log begins; the cut, or 0. */
async function replayed(simulation: Simulation, person: Person, whole: WholeList): Promise<number> {
  const { record } = simulation;
  const at = `/v1/lists/${whole.id}`;
  const log = await logOf(simulation, person, whole);
  record.takeChanges(whole.id, log);
  const first = log[0] ?? { revision: whole.revision, kind: "none" };
  let view: View | null = null;
  let rest: readonly Change[] = log;
  const isWhole = first.kind === "create-list";
  if (!isWhole) {
    const reply = await get(simulation, person, `${at}?at=${first.revision}`);
    need(reply.status === 200, "the list at", first.revision, reply.text);
    view = shownBy(reply.json as WholeList);
    rest = log.slice(1);
    record.count("replays from where the log begins");
  } else {
    record.count("replays from nothing");
  }
  for (const change of rest) view = apply(view, change);
  const wanted = shownBy(whole);
  // What the log no longer tells of items: when they were last changed.
  const items = view!.items.map((item, n) => {
    const { revision, updated_at } = wanted.items[n] ?? item;
    return item.revision === null ? { ...item, revision, updated_at } : item;
  });
  const told = { ...view!, items };
  need(canonical(told) === canonical(wanted), "the log gives", told, "served is", wanted);
  return isWhole ? 0 : log.length ? first.revision - 1 : whole.revision;
}

async function logOf(simulation: Simulation, person: Person, whole: WholeList): Promise<Change[]> {
  const at = `/v1/lists/${whole.id}/changes`;
  const upwards: Change[] = [];
  const first = await get(simulation, person, `${at}?after=0`);
  let page = first.json as { changes: Change[]; has_more: boolean };
  for (let n = 0; first.status === 200; n++) {
    upwards.push(...page.changes);
    if (!page.has_more) return upwards;
    const after = upwards.at(-1)!.revision;
    page = (await get(simulation, person, `${at}?after=${after}&limit=500`)).json as typeof page;
  }
  need(first.status === 410, "the log of", whole.id, first.text);
  let log: Change[] = [];
  for (let before = whole.revision + 1, isMore = true; isMore;) {
    const reply = await get(simulation, person, `${at}?before=${before}`);
    need(reply.status === 200, "the log backwards", before, reply.text);
    page = reply.json as typeof page;
    log = [...[...page.changes].sort((a, b) => a.revision - b.revision), ...log];
    isMore = page.has_more;
    before = log[0]?.revision ?? 0;
  }
  return log;
}
