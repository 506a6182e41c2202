//! A table, for terminals and in Markdown.

/// A table. Columns but the first are numbers and stand to the right.
pub(super) struct Table {
    /// What it is about.
    pub(super) title: String,
    /// Names of the columns.
    pub(super) head: Vec<String>,
    /// Cells; in Markdown they may be Markdown.
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(title: impl Into<String>, head: &[&str]) -> Self {
        let head = head.iter().map(|name| (*name).to_owned()).collect();
        Self { title: title.into(), head, rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(super) fn to_text(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&self.head]).filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
        };
        let lines = [self.title.clone(), line(&self.head)].into_iter().chain(self.rows.iter().map(line));
        lines.map(|line| line + "\n").collect()
    }

    pub(super) fn to_markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule = |column| if column == 0 { "---".to_owned() } else { "--:".to_owned() };
        let rule: Vec<String> = (0..self.head.len()).map(rule).collect();
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("**{}**\n\n{}{}{rows}", self.title, line(&self.head), line(&rule))
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_stand_below_each_other() {
        let mut table = Table::new("Speed", &["", "a second"]);
        table.row(["one".to_owned(), "1".to_owned()]);
        table.row(["twelve".to_owned(), "12,000".to_owned()]);
        assert_eq!(table.to_text(), "Speed\n          a second\n  one            1\n  twelve    12,000\n");
        assert_eq!(
            table.to_markdown(),
            "**Speed**\n\n|  | a second |\n| --- | --: |\n| one | 1 |\n| twelve | 12,000 |\n"
        );
    }
}
