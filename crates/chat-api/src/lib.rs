//! The contract of the chat service: channels, their log, the socket's frames, its events, and the
//! client of its internal listener.

mod body;
mod channel;
mod client;
pub mod events;
mod inbox;
mod log;
mod reply;
mod settings;
pub mod socket;
mod teams;
mod views;
mod visitors;
mod work;

pub use body::{
    Attachment, Block, Body, Card, MAX_ATTACHMENTS, MAX_MENTIONS, MAX_TEXT, NewBody, QuickReply,
    Source, Span,
};
pub use channel::{
    Channel, LabelName, MAX_LABELS, MarkRead, Merge, OpenChannel, Opened, OwnerState, PatchChannel,
    Priority, Rate, Reopen, SetOwner, SetOwnerInternal,
};
pub use client::{ChatClient, Reply, ReplyError};
pub use inbox::{ChannelSummary, Counts, QueuePlace, ViewCount, Viewer};
pub use log::{
    Change, EditMessage, Entry, EntryKind, NewMessage, Sender, SenderKind, SetHelpful, Written,
};
pub use reply::{ReplyCommit, ReplyHeader, ReplyLine};
pub use settings::{
    ChatSettings, ConsentSettings, FieldKey, FormField, Greeting, LabelSettings, PatchChatSettings,
    PatchConsent, PatchPrechat, PatchSwitch, PrechatSettings, PrechatWhen, Switch, WidgetConsent,
    WidgetSettings,
};
pub use teams::{
    Availability, CreateTeam, PatchTeam, SetAvailability, Status, Team, UnknownStatus,
};
pub use views::{
    AssigneeFilter, ChannelFilter, CreateView, OwnerFilter, PatchFilter, PatchView, SnoozedFilter,
    View,
};
pub use visitors::{Consent, CustomField, GiveConsent, Introduce, Introduction};
pub use work::{
    CannedReply, CreateCannedReply, Draft, NamedValue, PatchCannedReply, PatchScheduledMessage,
    PutDraft, RenderCannedReply, RenderedReply, ScheduleMessage, ScheduledMessage, ScheduledState,
};
