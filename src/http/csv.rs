//! Tables for spreadsheets: CSV with a header, in UTF-8.

use super::problem::Problem;
use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

/// A cell that no spreadsheet takes for a formula: what begins like one is quoted as a text. Page paths and channels are
/// what clients said, and a cell can read other cells and call home.
fn safe(cell: &str) -> String {
    let begins =
        cell.trim_start_matches(' ').starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if begins { format!("'{cell}") } else { cell.to_owned() }
}

/// The text of a table.
fn text(header: &[&str], rows: &[Vec<String>]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(row.iter().map(|cell| safe(cell)))?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// The answer that is a table; figures are not kept by anybody on the way.
pub(super) fn answer(header: &[&str], rows: &[Vec<String>]) -> Result<Response, Problem> {
    let text = text(header, rows).map_err(|error| {
        tracing::error!(%error, "a table could not be written");
        Problem::of("server.fault")
    })?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"figures.csv\"")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_none_is_torn() {
        let cells = ["=1+1", " =1", "+1", "-1", "@x", "\t=1", "a,\"b\"", "微栈", "1"];
        let rows = [cells.iter().map(|cell| (*cell).to_owned()).collect()];
        let header: Vec<_> = ('a'..='i').map(|name| name.to_string()).collect();
        let header: Vec<_> = header.iter().map(String::as_str).collect();
        let text = String::from_utf8(text(&header, &rows).expect("a table")).expect("text");
        assert_eq!(text, "a,b,c,d,e,f,g,h,i\n'=1+1,' =1,'+1,'-1,'@x,'\t=1,\"a,\"\"b\"\"\",微栈,1\n");
    }
}
