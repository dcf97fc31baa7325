//! `weizhan seed`: a demo shop, entered as a member of staff would, so that it has its rows in the audit.

mod goods;
mod picture;

use super::Sources;
use crate::{
    app::{App, Role, SystemClock},
    data,
    model::{
        id::{CategoryId, SignInId},
        money::Fen,
        page::{Place, ROWS_MAX},
        product::{Category, ProductState},
        staff::Staff,
    },
    service::{
        self,
        product::{ProductDraft, SkuDraft},
        staff::Clerk,
    },
    storage::ObjectKey,
    telemetry,
};
use anyhow::Context as _;
use bytes::Bytes;
use goods::{Goods, SHELVES};
use std::{collections::HashSet, sync::Arc};

/// Options of `seed`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Sign-in name of the member of staff who puts the products in.
    #[arg(long, value_name = "NAME")]
    staff: String,
}

pub(super) async fn run(args: Args, sources: &Sources) -> anyhow::Result<()> {
    let config = sources.for_tools()?;
    telemetry::init(&config.log);
    let app = App::open(config, Arc::new(SystemClock), Role::Tool).await?;
    let filled = async {
        let missing = || format!("there is no {}; make the account with `weizhan admin create`", args.staff);
        let staff = find_staff(&app, &args.staff).await?.with_context(missing)?;
        fill(&app, &clerk(&staff)).await
    };
    let filled = filled.await;
    app.shut_down().await;
    println!("{} products added", filled?);
    Ok(())
}

/// A member of staff by sign-in name.
pub(super) async fn find_staff(app: &App, name: &str) -> anyhow::Result<Option<Staff>> {
    Ok(data::staff::find_by_name(&mut app.database.read().await?, name).await?)
}

/// That person at the command line, where nobody signs in: who can start it can read the database as well.
pub(super) fn clerk(staff: &Staff) -> Clerk {
    let (ip, request_id) = (String::new(), "weizhan seed".to_owned());
    Clerk { id: staff.id, sign_in: SignInId(0), rights: staff.rights(), ip, request_id }
}

/// Put in what is not there yet, by name, so that a second run or one that was killed before does no harm; gives how
/// many products were added.
pub(super) async fn fill(app: &App, clerk: &Clerk) -> anyhow::Result<usize> {
    let shelves: Vec<Category> = data::product::categories(&mut app.database.read().await?).await?;
    let mut known = titles(app).await?;
    let mut added = 0;
    for (position, (name, glyph, goods)) in (1..).zip(SHELVES) {
        let shelf = match shelves.iter().find(|shelf| shelf.name == *name) {
            Some(shelf) => shelf.id,
            None => service::product::create_category(app, clerk, name, position).await?.id,
        };
        for item in goods.iter().filter(|item| known.insert(item.title.to_owned())) {
            let draft = draft(app, shelf, glyph, item).await?;
            service::product::create(app, clerk, &draft).await?;
            added += 1;
        }
    }
    Ok(added)
}

/// The titles of all products in every state: what staff took out of the shop does not come back.
async fn titles(app: &App) -> anyhow::Result<HashSet<String>> {
    let (mut titles, mut before) = (HashSet::new(), None);
    loop {
        let page = service::product::list_all(app, before, ROWS_MAX).await?;
        titles.extend(page.items.into_iter().map(|product| product.title));
        match page.next.as_deref().and_then(Place::from_cursor) {
            Some(place) => before = Some(place.id),
            None => return Ok(titles),
        }
    }
}

/// The product as staff would enter it; its pictures are kept first, so that no address leads nowhere.
async fn draft(app: &App, shelf: CategoryId, glyph: &str, item: &Goods) -> anyhow::Result<ProductDraft> {
    let mut pictures = Vec::new();
    for view in 0..picture::VIEWS {
        let key = ObjectKey::parse(&format!("demo/{}-{view}.svg", item.slug))?;
        let svg = picture::draw(item.slug, item.title, glyph, view);
        app.storage.put(&key, Bytes::from(svg)).await?;
        pictures.push(format!("/objects/{}", key.as_str()));
    }
    let sku = |&(name, price_fen, initial_qty): &(&str, i64, i64)| SkuDraft {
        id: None,
        name: name.to_owned(),
        price_fen: Fen(price_fen),
        active: true,
        initial_qty,
    };
    Ok(ProductDraft {
        category_id: shelf,
        title: item.title.to_owned(),
        subtitle: item.subtitle.to_owned(),
        detail: item.detail.to_owned(),
        pictures,
        state: ProductState::OnSale,
        skus: item.skus.iter().map(sku).collect(),
    })
}
