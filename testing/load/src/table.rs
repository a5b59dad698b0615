//! The figures as tables.

use crate::{
    absent::Absence,
    costs::Cost,
    fill::Filling,
    long::Mark,
    machine::Machine,
    phase::Outcome,
    questions::Questions,
    reads::Reads,
    report::{Figures, Place, Report},
    timeline::{Slopes, Timeline},
};

/// Most rows of a table over time; the JSON file has all.
const ROWS_MAX: usize = 90;

/// Prints everything.
pub fn print(report: &Report) {
    println!("\nseed {}, {:.0} s", report.seed, report.took_s);
    print_place(&report.machine);
    for network in &report.networks {
        print_network(network);
    }
}

fn print_place(place: &Place) {
    let gigabytes = place.memory_bytes as f64 / 1e9;
    println!(
        "\n{}, {} processors, {gigabytes:.0} GB, {}",
        place.processor, place.processors, place.system
    );
    println!("  {:<44} {:>10} {:>10}", "this machine, one core", "before", "after");
    let row = |name: &str, value: fn(&Machine) -> f64| {
        println!("  {name:<44} {:>10.2} {:>10.2}", value(&place.before), value(&place.after));
    };
    row("recover a secp256k1 signer, µs", |machine| machine.recover_us);
    row("keccak256 of 200 bytes, µs", |machine| machine.keccak_us);
    row("SHA-256 of 200 bytes, µs", |machine| machine.sha256_us);
    row("verify an Ed25519 signature, µs", |machine| machine.ed25519_verify_us);
    row("4 KiB to disk with fsync, µs", |machine| machine.fsync_us);
    row("the same, 99 of 100, µs", |machine| machine.fsync_p99_us);
    row("memory copy, GB/s", |machine| machine.memory_copy_gb_s);
    row("HTTP over loopback, there and back, µs", |machine| machine.http_round_trip_us);
}

fn print_network(network: &Figures) {
    println!("\n{} ({} nodes)", network.network, network.nodes);
    if let Some(interval_ms) = network.interval_ms {
        println!("  least time between two blocks: {interval_ms} ms");
    }
    if let Some(start_ms) = network.start_ms {
        println!("  block 1 final after {start_ms} ms");
    }
    if let Some(filling) = &network.filling {
        print_filling(filling);
    }
    println!(
        "  {:<11} {:<24} {:>9} {:>9} {:>9} {:>9} {:>6} {:>6} {:>9}",
        "workload", "phase", "tx/s", "p50 ms", "p99 ms", "max ms", "lost", "failed", "balances"
    );
    network.phases.iter().for_each(print_phase);
    if let Some(idle) = network.idle.as_ref().map(|idle| &idle.finality) {
        println!(
            "  {:<36} {:>9} {:>9.1} {:>9.1} {:>9.1}   ({} rounds)",
            "after rest", "", idle.p50_ms, idle.p99_ms, idle.max_ms, idle.count
        );
    }
    println!(
        "\n  {:<36} {:>12} {:>14} {:>9} {:>9}  disk B/tx of a node, by store",
        "all nodes together", "CPU µs/tx", "in recoveries", "tx/block", "blocks/s"
    );
    network.phases.iter().for_each(print_totals);
    for phase in &network.phases {
        print_costs(&format!("{}, {}", phase.workload.name(), phase.phase), &phase.costs);
        print_stages(phase);
        print_minutes(phase.minutes.as_ref(), phase.slopes.as_ref());
    }
    if let Some(idle) = &network.idle {
        print_costs("at rest", &idle.costs);
    }
    network.absence.iter().for_each(print_absence);
    network.reads.iter().for_each(print_reads);
    print_long(&network.long);
    network.questions.iter().for_each(print_questions);
}

fn print_filling(filling: &Filling) {
    println!(
        "  {} holders ({} of them send) filled in {:.1} s, {:.0} per second, {} µs of CPU each, at block {}",
        filling.holders,
        filling.senders,
        filling.seconds,
        filling.holders_per_second,
        show(filling.cpu_us_per_holder, 0),
        filling.height
    );
    for footprint in &filling.footprints {
        let Some(stores) = &footprint.stores else { continue };
        let stores: Vec<String> = stores
            .iter()
            .map(|(store, bytes)| format!("{store} {:.1}", *bytes as f64 / 1e6))
            .collect();
        println!(
            "    {:<14} memory {} MB; disk MB: {}",
            footprint.name,
            show(footprint.rss_bytes.map(|bytes| bytes as f64 / 1e6), 1),
            stores.join(", ")
        );
    }
}

fn print_phase(phase: &Outcome) {
    let finality = &phase.finality;
    println!(
        "  {:<11} {:<24} {:>9.1} {:>9.1} {:>9.1} {:>9.1} {:>6} {:>6} {:>9}",
        phase.workload.name(),
        phase.phase,
        phase.committed_per_second,
        finality.p50_ms,
        finality.p99_ms,
        finality.max_ms,
        phase.lost,
        phase.failed,
        if phase.balances_agree { "agree" } else { "DIFFER" }
    );
    for (reason, count) in &phase.refusals {
        println!("      {count} × {reason}");
    }
}

fn print_totals(phase: &Outcome) {
    let stores: Vec<String> = phase
        .disk_bytes_per_tx
        .iter()
        .filter(|(_, bytes)| bytes.abs() >= 0.5)
        .map(|(store, bytes)| format!("{store} {bytes:.0}"))
        .collect();
    println!(
        "  {:<36} {:>12} {:>14} {:>9.1} {:>9.2}  {}",
        format!("{}, {}", phase.workload.name(), phase.phase),
        show(phase.cpu_us_per_tx, 1),
        show(phase.cpu_in_recoveries(), 2),
        phase.transactions_per_block,
        phase.blocks as f64 / phase.seconds,
        stores.join(", ")
    );
}

fn print_costs(phase: &str, costs: &[Cost]) {
    println!(
        "\n  {phase:<30} {:>12} {:>8} {:>9} {:>12}",
        "CPU µs/tx", "core %", "RSS MB", "disk B/tx"
    );
    for cost in costs {
        println!(
            "    {:<28} {:>12} {:>8} {:>9} {:>12}",
            cost.name,
            show(cost.cpu_us_per_tx, 1),
            show(cost.core_percent, 1),
            show(cost.rss_bytes.map(|bytes| bytes as f64 / 1e6), 1),
            show(cost.disk_bytes_per_tx, 0)
        );
    }
}

fn print_stages(phase: &Outcome) {
    let Some(stages) = &phase.stages else { return };
    println!("    {:<28} {:>12}", "stage, all nodes together", "µs/tx");
    for cost in &stages.stages {
        println!("      {:<26} {:>12.1}", cost.stage, cost.us_per_tx);
    }
    println!("      {:<26} {:>12}", "other", show(stages.other_us_per_tx, 1));
}

fn print_minutes(minutes: Option<&Timeline>, slopes: Option<&Slopes>) {
    let Some(minutes) = minutes else { return };
    println!(
        "    {:>8} {:>9} {:>9} {:>9} {:>11} {:>10}",
        "minute", "tx/s", "p50 ms", "p99 ms", "CPU µs/tx", "RSS MB max"
    );
    for (number, window) in minutes.windows.iter().enumerate().take(ROWS_MAX) {
        let rss = window.rss_bytes.iter().copied().flatten().max();
        println!(
            "    {number:>8} {:>9.1} {:>9.1} {:>9.1} {:>11} {:>10}",
            window.committed_per_second,
            window.finality.p50_ms,
            window.finality.p99_ms,
            show(window.cpu_us_per_tx, 1),
            show(rss.map(|bytes| bytes as f64 / 1e6), 1)
        );
    }
    if let Some(slopes) = slopes {
        println!(
            "    change per hour (from {} minutes): tx/s {:+.1} %, p50 {:+.1} %, p99 {:+.1} %, CPU {:+.1} %, memory {:+.1} MB",
            slopes.windows,
            slopes.committed_percent_per_hour,
            slopes.p50_percent_per_hour,
            slopes.p99_percent_per_hour,
            slopes.cpu_percent_per_hour,
            slopes.rss_bytes_per_hour / 1e6
        );
    }
}

fn print_absence(absence: &Absence) {
    println!("\n  {} killed at {:.1} s", absence.node, absence.at_s);
    println!(
        "    longest time without a receipt: before {:.0} ms, at the death {:.0} ms, from 10 s after it {:.0} ms",
        absence.gap_before_ms, absence.gap_at_kill_ms, absence.gap_settled_ms
    );
    println!("    the last gap after the death ended after {:.0} ms", absence.disturbed_ms);
    println!(
        "    p50 / p99: before {:.1} / {:.1} ms, from 10 s after it {:.1} / {:.1} ms",
        absence.finality_before.p50_ms,
        absence.finality_before.p99_ms,
        absence.finality_settled.p50_ms,
        absence.finality_settled.p99_ms
    );
    println!(
        "    {} transactions sent again; started again, it caught up after {:.0} ms",
        absence.sent_again, absence.return_ms
    );
}

fn print_reads(reads: &Reads) {
    println!(
        "\n  {} readers beside the load: {:.0} answers per second",
        reads.readers, reads.requests_per_second
    );
    println!("    {:<28} {:>9} {:>9} {:>9} {:>7}", "method", "per s", "p50 ms", "p99 ms", "errors");
    for asked in &reads.methods {
        println!(
            "    {:<28} {:>9.1} {:>9.2} {:>9.2} {:>7}",
            asked.method,
            asked.per_second,
            asked.latency.p50_ms,
            asked.latency.p99_ms,
            asked.errors
        );
    }
    println!(
        "    finality p99: {:.1} ms without, {:.1} ms with readers, {:.2} times",
        reads.finality_quiet.p99_ms, reads.finality_read.p99_ms, reads.p99_ratio
    );
}

fn print_questions(questions: &Questions) {
    println!(
        "\n  {} connections to one node; {} blocks with events, the fullest block has {} transactions",
        questions.connections, questions.log_blocks, questions.fullest_transactions
    );
    println!(
        "    {:<38} {:>9} {:>9} {:>9} {:>9} {:>11} {:>7}",
        "question", "per s", "p50 ms", "p99 ms", "kB", "node CPU µs", "errors"
    );
    for asked in &questions.asked {
        println!(
            "    {:<38} {:>9.1} {:>9.2} {:>9.2} {:>9.1} {:>11} {:>7}",
            asked.question,
            asked.per_second,
            asked.latency.p50_ms,
            asked.latency.p99_ms,
            asked.answer_bytes / 1e3,
            show(asked.node_cpu_us, 0),
            asked.errors
        );
    }
}

fn print_long(marks: &[Mark]) {
    if marks.is_empty() {
        return;
    }
    println!(
        "\n  {:>9} {:>9} {:>7} {:>9} {:>9} {:>13} {:>10} {:>7} {:>7}",
        "blocks",
        "height",
        "window",
        "blocks/s",
        "tx/block",
        "CPU µs/block",
        "CPU µs/tx",
        "speed",
        "CPU"
    );
    for mark in marks {
        println!(
            "  {:>9} {:>9} {:>7} {:>9.2} {:>9.1} {:>13} {:>10} {:>7.3} {:>7}",
            mark.blocks,
            mark.height,
            mark.window_blocks,
            mark.blocks_per_second,
            mark.transactions_per_block,
            show(mark.cpu_us_per_block, 0),
            show(mark.cpu_us_per_tx, 1),
            mark.speed_ratio,
            show(mark.cpu_ratio, 3)
        );
    }
}

fn show(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}
