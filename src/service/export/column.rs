//! What a row of each table is in Parquet: whole numbers and texts under the names that they have in the database, times as
//! milliseconds since 1970, money in fen.

use crate::model::{
    event::Logged,
    export::ExportedOrder,
    figure::{Sum, Window},
    time::Timestamp,
};
use parquet::{
    basic::{Compression, ZstdLevel},
    data_type::{ByteArray, ByteArrayType, Int64Type},
    errors::ParquetError,
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};
use std::{fmt::Write as _, io, sync::Arc};

/// A row that can be exported.
pub(super) trait Line: Sized + Send + 'static {
    /// The name of its schema.
    const NAME: &'static str;
    /// Its columns, in order.
    const COLUMNS: &'static [(&'static str, Read<Self>)];
    /// What decides its day.
    fn moment(&self) -> Timestamp;
}

/// How a value is had from a row.
pub(super) enum Read<L> {
    Number(fn(&L) -> i64),
    Maybe(fn(&L) -> Option<i64>),
    Text(fn(&L) -> Vec<u8>),
}

impl Line for Logged {
    const NAME: &'static str = "event";
    const COLUMNS: &'static [(&'static str, Read<Self>)] = &[
        ("partition_no", Read::Number(|row| row.partition_no)),
        ("position", Read::Number(|row| row.position)),
        ("event_id", Read::Text(|row| row.event.event_id.clone().into_bytes())),
        ("source", Read::Text(|row| row.event.source.clone().into_bytes())),
        ("visitor", Read::Text(|row| row.event.visitor.clone().into_bytes())),
        ("kind", Read::Text(|row| row.event.kind.word().into())),
        ("occurred_ms", Read::Number(|row| row.event.occurred_ms.0)),
        ("received_ms", Read::Number(|row| row.event.received_ms.0)),
        ("page", Read::Text(|row| row.event.page.clone().into_bytes())),
        ("channel", Read::Text(|row| row.event.channel.clone().into_bytes())),
        ("product_id", Read::Maybe(|row| row.event.product_id.map(|id| id.0))),
        ("amount_fen", Read::Number(|row| row.event.amount_fen.0)),
        ("name", Read::Text(|row| row.event.name.clone().into_bytes())),
        ("detail", Read::Text(|row| row.event.detail.clone().into_bytes())),
    ];
    fn moment(&self) -> Timestamp {
        self.event.occurred_ms
    }
}

impl Line for ExportedOrder {
    const NAME: &'static str = "order";
    const COLUMNS: &'static [(&'static str, Read<Self>)] = &[
        ("id", Read::Number(|row| row.id.0)),
        ("number", Read::Text(|row| row.number.clone().into_bytes())),
        ("visitor", Read::Text(|row| format!("u{}", row.user_id.0).into_bytes())),
        ("appid", Read::Text(|row| row.appid.clone().into_bytes())),
        ("state", Read::Text(|row| row.state.clone().into_bytes())),
        ("goods_fen", Read::Number(|row| row.goods_fen.0)),
        ("freight_fen", Read::Number(|row| row.freight_fen.0)),
        ("adjustment_fen", Read::Number(|row| row.adjustment_fen.0)),
        ("total_fen", Read::Number(|row| row.total_fen.0)),
        ("refunded_fen", Read::Number(|row| row.refunded_fen.0)),
        ("created_ms", Read::Number(|row| row.created_ms.0)),
        ("paid_ms", Read::Maybe(|row| row.paid_ms.map(|time| time.0))),
        ("qty", Read::Number(|row| row.qty)),
    ];
    fn moment(&self) -> Timestamp {
        self.created_ms
    }
}

impl Line for (Window, Sum) {
    const NAME: &'static str = "figure";
    const COLUMNS: &'static [(&'static str, Read<Self>)] = &[
        ("grain", Read::Text(|(window, _)| window.grain.word().into())),
        ("scope", Read::Text(|(window, _)| window.scope.word().into())),
        ("scope_key", Read::Text(|(window, _)| window.scope_key.clone().into_bytes())),
        ("metric", Read::Text(|(window, _)| window.metric.word().into())),
        ("start_ms", Read::Number(|(window, _)| window.start_ms.0)),
        ("total", Read::Number(|(_, sum)| sum.total)),
        ("amount_fen", Read::Number(|(_, sum)| sum.amount_fen.0)),
    ];
    fn moment(&self) -> Timestamp {
        self.0.start_ms
    }
}

/// An empty file of such rows, compressed by zstd.
pub(super) fn create<L: Line, W: io::Write + Send>(to: W) -> Result<SerializedFileWriter<W>, ParquetError> {
    let mut schema = format!("message {} {{", L::NAME);
    for (name, read) in L::COLUMNS {
        let kind = match read {
            Read::Number(_) => ["required int64", ""],
            Read::Maybe(_) => ["optional int64", ""],
            Read::Text(_) => ["required binary", " (UTF8)"],
        };
        write!(schema, " {} {name}{};", kind[0], kind[1]).map_err(|error| ParquetError::General(error.to_string()))?;
    }
    schema.push_str(" }");
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_created_by(concat!("weizhan ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    SerializedFileWriter::new(to, Arc::new(parse_message_type(&schema)?), Arc::new(properties))
}

/// Append a group of rows: all values of a column stand together.
pub(super) fn append<L: Line, W: io::Write + Send>(
    file: &mut SerializedFileWriter<W>,
    rows: &[L],
) -> Result<(), ParquetError> {
    let mut group = file.next_row_group()?;
    for (_, read) in L::COLUMNS {
        let Some(mut column) = group.next_column()? else { break };
        match read {
            Read::Number(read) => {
                let values: Vec<_> = rows.iter().map(read).collect();
                column.typed::<Int64Type>().write_batch(&values, None, None)?;
            }
            Read::Maybe(read) => {
                let cells: Vec<_> = rows.iter().map(read).collect();
                let there: Vec<_> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
                let values: Vec<_> = cells.into_iter().flatten().collect();
                column.typed::<Int64Type>().write_batch(&values, Some(&there), None)?;
            }
            Read::Text(read) => {
                let values: Vec<_> = rows.iter().map(|row| ByteArray::from(read(row))).collect();
                column.typed::<ByteArrayType>().write_batch(&values, None, None)?;
            }
        }
        column.close()?;
    }
    group.close().map(drop)
}
