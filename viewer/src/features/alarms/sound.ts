/** A short beep for a new alarm, of a pitch and a number by its priority. Silent until the user switches it on. */
import type { Priority } from "./model.ts";

/** Pitch [Hz] and number of tones: a critical alarm is told apart without looking. */
export const TONES: Readonly<Record<Priority, readonly [number, number]>> = {
  critical: [988, 3],
  high: [784, 2],
  medium: [587, 1],
  low: [440, 1],
};
const TONE_S = 0.12;
const GAP_S = 0.09;

export class Sound {
  private context: AudioContext | null = null;

  /** To be called from a click or a key: browsers start no sound otherwise. */
  on(): void {
    this.context ??= new AudioContext();
    void this.context.resume();
  }

  off(): void {
    void this.context?.close();
    this.context = null;
  }

  get isOn(): boolean {
    return this.context !== null;
  }

  beep(priority: Priority): void {
    const { context } = this;
    if (!context) return;
    const [pitch, count] = TONES[priority];
    for (let k = 0; k < count; k++) this.tone(context, pitch, context.currentTime + k * (TONE_S + GAP_S));
  }

  private tone(context: AudioContext, pitch: number, at: number): void {
    const tone = context.createOscillator();
    const gain = context.createGain();
    tone.frequency.value = pitch;
    // No clicks: it swells and fades.
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(0.25, at + 0.01);
    gain.gain.setValueAtTime(0.25, at + TONE_S - 0.02);
    gain.gain.linearRampToValueAtTime(0, at + TONE_S);
    tone.connect(gain).connect(context.destination);
    tone.start(at);
    tone.stop(at + TONE_S);
  }
}
