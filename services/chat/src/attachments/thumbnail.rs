//! Small pictures of images, which carry nothing else: no place, no camera, no name.

use std::io::Cursor;

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, metadata::Orientation,
};

/// The longer side, in pixels.
const SIDE: u32 = 320;
/// An image of more is not unpacked: a small file can hold a huge one.
const MAX_SIDE: u32 = 16_384;
const MAX_MEMORY: u64 = 256 * 1024 * 1024;

/// What was made of an image.
#[derive(Debug)]
pub(super) struct Picture {
    /// Pixels across, as it is looked at.
    pub(super) width: i32,
    /// Pixels down, as it is looked at.
    pub(super) height: i32,
    /// The small picture, as PNG.
    pub(super) png: Vec<u8>,
}

/// Unpacks an image and makes it small. This takes a while: run it where it holds up nobody.
///
/// # Errors
/// When it is broken, too large, or of a kind that is not known.
pub(super) fn make(bytes: &[u8]) -> Result<Picture, ImageError> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_MEMORY);
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    // Cameras turn the picture and not its pixels.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    let (width, height) = (image.width(), image.height());
    let small = if width.max(height) > SIDE {
        image.thumbnail(SIDE, SIDE)
    } else {
        image
    };
    let mut png = Vec::new();
    let pixels = DynamicImage::from(small.to_rgba8());
    pixels.write_to(&mut Cursor::new(&mut png), ImageFormat::Png)?;
    Ok(Picture {
        width: i32::try_from(width).unwrap_or(i32::MAX),
        height: i32::try_from(height).unwrap_or(i32::MAX),
        png,
    })
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;

    fn encoded(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let image = DynamicImage::from(RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([(x % 256) as u8, (y % 256) as u8, 128])
        }));
        let mut bytes = Vec::new();
        image
            .write_to(&mut Cursor::new(&mut bytes), format)
            .unwrap();
        bytes
    }

    #[test]
    fn pictures_fit_and_keep_their_shape() {
        for format in [
            ImageFormat::Png,
            ImageFormat::Jpeg,
            ImageFormat::WebP,
            ImageFormat::Gif,
        ] {
            let made = make(&encoded(1000, 500, format)).unwrap();
            assert_eq!((made.width, made.height), (1000, 500), "{format:?}");
            let small = image::load_from_memory(&made.png).unwrap();
            assert_eq!((small.width(), small.height()), (SIDE, SIDE / 2));
        }
    }

    #[test]
    fn small_images_stay_as_large_as_they_are() {
        let made = make(&encoded(20, 10, ImageFormat::Png)).unwrap();
        let small = image::load_from_memory(&made.png).unwrap();
        assert_eq!((small.width(), small.height()), (20, 10));
    }

    #[test]
    fn what_is_broken_or_huge_is_refused() {
        let png = encoded(100, 100, ImageFormat::Png);
        assert!(make(&png[..png.len() / 2]).is_err());
        assert!(make(b"no image at all").is_err());
        // The header says 60,000 by 60,000.
        let mut bomb = png;
        bomb[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
        bomb[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
        assert!(make(&bomb).is_err());
    }
}
