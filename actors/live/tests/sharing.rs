//! One render for all: resuming, catching up, and the same bytes for a thousand viewers.

use super::*;
use crate::live::feed::{FOLDS_MAX, Feed, Step};
use crate::live::ring::{FRAMES_MAX, STEPS_MAX};
use std::io;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use tokio::io::ReadBuf;
use tokio::net::{TcpSocket, TcpStream};

#[tokio::test(start_paused = true)]
async fn the_document_and_the_viewer_that_follows_share_one_topic() {
    let stage = stage().await;
    let key = stage.key(&stage.permit(stage.access()));
    let shown = stage.live.page(&key).await.unwrap();
    assert_eq!(stage.live.counts().topics(), 1);
    let mut client = stage.viewer_at(here(Some((&shown.epoch, shown.seq)))).await;
    // Nothing was missed, so nothing is sent again; the view is live at once.
    assert_eq!(client.hear().await, Heard::Heartbeat);
    stage.show("second");
    let (seq, change) = client.diff().await;
    assert_eq!(
        (seq, change),
        (shown.seq + 1, serde_json::json!([0, "second"]))
    );
    assert_eq!(stage.live.counts().topics(), 1);
    assert_eq!(stage.live.counts().full_trees(), 0);
}

/// Shows so many different things, each drawn by itself.
async fn shows(stage: &Stage, watcher: &mut Client, news: usize) -> u64 {
    let mut last = 0;
    for number in 0..news {
        stage.show(&format!("news {number}"));
        last = watcher.diff().await.0;
    }
    last
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_comes_back_gets_exactly_the_frames_it_missed() {
    let stage = stage().await;
    let mut watcher = stage.viewer().await;
    let (epoch, seq, _) = watcher.whole().await;
    let last = shows(&stage, &mut watcher, STEPS_MAX as usize).await;
    assert_eq!(last, seq + STEPS_MAX);
    let mut back = stage.viewer_at(here(Some((&epoch, seq)))).await;
    for missed in 0..STEPS_MAX {
        let (seq_now, change) = back.diff().await;
        let text = format!("news {missed}");
        assert_eq!(
            (seq_now, change),
            (seq + missed + 1, serde_json::json!([0, text]))
        );
    }
    assert_eq!(stage.live.counts().frames_coalesced(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_missed_more_gets_one_frame_for_all() {
    let stage = stage().await;
    let mut watcher = stage.viewer().await;
    let (epoch, seq, _) = watcher.whole().await;
    let last = shows(&stage, &mut watcher, FRAMES_MAX).await;
    let mut back = stage.viewer_at(here(Some((&epoch, seq)))).await;
    let (at, change) = back.diff().await;
    let text = format!("news {}", FRAMES_MAX - 1);
    assert_eq!((at, change), (last, serde_json::json!([0, text])));
    assert_eq!(stage.live.counts().frames_coalesced(), 1);
    // And the next frame follows it.
    stage.show("after");
    assert_eq!(back.diff().await.0, last + 1);
}

#[tokio::test(start_paused = true)]
async fn frames_are_folded_from_few_places_and_whoever_stands_elsewhere_gets_the_tree() {
    let view = |number: u64| View {
        rendered: Rendered::new(TemplateId(1), vec![Slot::text(number.to_string())]),
        patients: Patients::default(),
    };
    let feed = Feed::new(uuid::Uuid::new_v4(), view(0), NOW);
    let first = feed.shown().seq;
    for number in 1..=FRAMES_MAX as u64 {
        assert!(feed.publish(view(number), NOW));
    }
    let places = first..first + FRAMES_MAX as u64 - STEPS_MAX;
    let folded = |place: &u64| matches!(feed.next(Some(*place)), Some(Step::Folded(_)));
    let from: Vec<u64> = places.clone().filter(folded).collect();
    assert_eq!(from.len(), FOLDS_MAX);
    // The same places again, and no others.
    assert_eq!(places.filter(folded).collect::<Vec<_>>(), from);
    assert!(matches!(feed.next(Some(first + 100)), Some(Step::Whole(_))));
}

#[tokio::test(start_paused = true)]
async fn a_viewer_beyond_the_ring_or_of_another_epoch_gets_the_whole_tree() {
    let stage = stage().await;
    let mut watcher = stage.viewer().await;
    let (epoch, seq, _) = watcher.whole().await;
    let last = shows(&stage, &mut watcher, FRAMES_MAX + 1).await;
    let text = format!("news {FRAMES_MAX}");
    let places = [
        here(None),
        here(Some((&epoch, seq))),
        here(Some((&epoch, last + 1))),
        here(Some((&epoch, u64::MAX))),
        here(Some(("another", last))),
        here(Some(("", 0))),
    ];
    for arrival in places {
        let mut back = stage.viewer_at(arrival).await;
        assert_eq!(back.whole().await, (epoch.clone(), last, text.clone()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_of_another_version_is_told_to_load_itself_anew() {
    let stage = stage().await;
    let arrival = Arrival {
        version: "v0".into(),
        ..here(None)
    };
    stage
        .viewer_at(arrival)
        .await
        .closed(CloseReason::Version)
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_changes_goes_out_as_one() {
    let stage = stage().await;
    let mut client = stage.viewer().await;
    let (_, seq, _) = client.whole().await;
    let started = Instant::now();
    for number in 0..1_000 {
        stage.show(&format!("news {number}"));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let took = started.elapsed();
    let mut frames = 0;
    let last = loop {
        let (at, change) = client.diff().await;
        frames += 1;
        if change[1] == "news 999" {
            break at;
        }
    };
    assert_eq!(last, seq + frames);
    let most = took.as_millis() / 20 + 2;
    assert!(u128::from(frames) <= most, "{frames} frames in {took:?}");
}

#[tokio::test(start_paused = true)]
async fn what_did_not_change_is_not_sent() {
    let stage = stage().await;
    let mut client = stage.viewer().await;
    client.whole().await;
    for _ in 0..5 {
        stage.show("first");
        assert_eq!(client.hear().await, Heard::Heartbeat);
    }
}

/// A connection that notes where in memory each thing written to it lies.
#[derive(Clone, Default)]
struct Notebook(Arc<Mutex<Vec<(usize, usize)>>>);

impl AsyncRead for Notebook {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Notebook {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0
            .lock()
            .unwrap()
            .push((bytes.as_ptr() as usize, bytes.len()));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_viewers_are_sent_the_same_bytes() {
    let stage = stage().await;
    let permit = stage.permit(stage.access());
    let mut notebooks = Vec::new();
    for _ in 0..1_000 {
        let notebook = Notebook::default();
        let connection = raw(notebook.clone());
        stage.attach(&permit, here(None), connection).await.unwrap();
        notebooks.push(notebook);
    }
    let counts = stage.live.counts();
    stage
        .until("the tree is out", |_| counts.full_trees() == 1_000)
        .await;
    stage.show("the same for everybody");
    stage
        .until("the news is out", |_| counts.frames_sent() == 2_000)
        .await;
    let written = |notebook: &Notebook| {
        let written = notebook.0.lock().unwrap();
        let data = written.iter().filter(|(_, length)| *length > 3).copied();
        data.collect::<Vec<_>>()
    };
    let first = written(&notebooks[0]);
    assert_eq!(first.len(), 2);
    for notebook in &notebooks {
        assert_eq!(written(notebook), first);
    }
    assert_eq!(counts.viewers(), 1_000);
    assert_eq!(counts.topics(), 1);
}

/// A socket whose buffers hold less than one frame of what is shown below.
fn narrow() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(16 * 1024).unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tcp_one_that_never_reads_costs_the_others_nothing() {
    let stage = stage().await;
    let permit = stage.permit(stage.access());
    let socket = narrow();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(32).unwrap();
    let address = listener.local_addr().unwrap();
    let mut connected = Vec::new();
    for _ in 0..20 {
        let (ours, accepted) = tokio::join!(narrow().connect(address), listener.accept());
        let raw = raw(accepted.unwrap().0);
        let end = stage.attach(&permit, here(None), raw).await.unwrap();
        connected.push((ours.unwrap(), end));
    }
    let (_deaf, mut stuck) = connected.pop().unwrap();
    let readers = connected
        .into_iter()
        .map(|(ours, _end)| tokio::spawn(read_to_the_end(ours)));
    let readers: Vec<_> = readers.collect();
    for number in 0..40 {
        stage.show(&format!("{number} {}", "x".repeat(50_000)));
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    stage.show("the end");
    let began = Instant::now();
    let mut last = Vec::new();
    for reader in readers {
        last.push(reader.await.unwrap());
    }
    assert!(last.iter().all(|seq| *seq == last[0]), "{last:?}");
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    // It is in the middle of a frame, and has not been waited for.
    assert!(futures_util::poll!(&mut stuck).is_pending());
}

async fn read_to_the_end(ours: TcpStream) -> u64 {
    let mut socket = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
    let mut last = 0;
    while let Some(Ok(message)) = timeout(SOON, socket.next()).await.unwrap() {
        let Message::Text(text) = message else {
            continue;
        };
        let (seq, end) = match heard(text.as_str()) {
            Heard::Diff { seq, change } => (seq, change[1] == "the end"),
            Heard::Whole { seq, text, .. } => (seq, text == "the end"),
            _ => continue,
        };
        assert!(seq > last, "{seq} after {last}");
        last = seq;
        if end {
            return seq;
        }
    }
    panic!("broken");
}
