/**
 * Sockets in memory between the client and the fake chat, in the schedule's time, with a wire that
 * can be cut at any frame in either direction: what was sent before the cut and not delivered yet
 * is lost, as on a real wire, and the other side learns of it later or never.
 */

import type { WebSocketConstructor, WebSocketLike } from "@syntera/client";
import type { FakeChat, Peer } from "./chat.ts";
import type { Schedule } from "./schedule.ts";

export class MemoryNet {
  /** How long a frame travels; read for each. Frames of one direction never overtake. */
  latency: () => number = () => 1;
  /** Whether connections open at all. */
  reachable = true;
  /** Whether frames are swallowed in silence, as by a dead link. */
  blackhole = false;
  /** Looks at each frame before it is delivered: `false` loses it, a list replaces it. */
  toClient: (data: string) => boolean | string[] = () => true;
  toServer: (data: string) => boolean | string[] = () => true;
  /** How many connections were tried. */
  attempts = 0;
  readonly #links = new Set<Link>();
  readonly WebSocket: WebSocketConstructor;

  constructor(
    readonly schedule: Schedule,
    readonly chat: FakeChat,
  ) {
    const net = this;
    this.WebSocket = class extends Link {
      constructor(_url: string, protocols: string[]) {
        super(net, protocols);
      }
    };
  }

  /** Cuts every connection now. */
  cut(): void {
    for (const link of [...this.#links]) link.cut();
  }

  add(link: Link): void {
    this.#links.add(link);
  }

  remove(link: Link): void {
    this.#links.delete(link);
  }
}

class Link implements WebSocketLike {
  protocol = "";
  onopen: ((event: never) => unknown) | null = null;
  onmessage: ((event: never) => unknown) | null = null;
  onclose: ((event: never) => unknown) | null = null;
  onerror: ((event: never) => unknown) | null = null;
  #peer: Peer | undefined;
  #open = false;
  #over = false;
  #lastIn = 0;
  #lastOut = 0;

  constructor(
    private readonly net: MemoryNet,
    protocols: string[],
  ) {
    net.attempts += 1;
    net.add(this);
    net.schedule.after(net.latency() * 2, () => {
      if (this.#over) return;
      if (!net.reachable || net.chat.admits(protocols) !== 101) {
        this.#finish(1006);
        return;
      }
      this.#open = true;
      this.protocol = "syntera.v1";
      this.#peer = net.chat.connect(protocols, {
        deliver: (data) => this.#travel("in", data),
        close: (code) => this.#arrive("in", () => this.#finish(code)),
      });
      this.onopen?.({} as never);
    });
  }

  send(data: string): void {
    if (!this.#open) throw new Error("the socket is not open");
    this.#travel("out", data);
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#open = false;
    this.net.remove(this);
    this.net.schedule.after(this.net.latency(), () => this.#peer?.gone());
  }

  cut(): void {
    if (this.#over) return;
    this.#over = true;
    this.#open = false;
    this.net.remove(this);
    this.net.schedule.after(this.net.latency(), () => this.onclose?.({ code: 1006 } as never));
    this.net.schedule.after(this.net.latency(), () => this.#peer?.gone());
  }

  #finish(code: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#open = false;
    this.net.remove(this);
    this.#peer?.gone();
    this.onclose?.({ code } as never);
  }

  #travel(way: "in" | "out", data: string): void {
    if (this.net.blackhole) return;
    this.#arrive(way, () => {
      const fate = way === "in" ? this.net.toClient(data) : this.net.toServer(data);
      // A cut may have come while the fate was decided.
      for (const one of fate === true ? [data] : fate === false ? [] : fate) {
        if (this.#over) return;
        if (way === "in") this.onmessage?.({ data: one } as never);
        else this.#peer?.receive(one);
      }
    });
  }

  #arrive(way: "in" | "out", run: () => void): void {
    const last = way === "in" ? this.#lastIn : this.#lastOut;
    const at = Math.max(last, this.net.schedule.now() + this.net.latency());
    if (way === "in") this.#lastIn = at;
    else this.#lastOut = at;
    this.net.schedule.after(at - this.net.schedule.now(), () => {
      if (!this.#over) run();
    });
  }
}
